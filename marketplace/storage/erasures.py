"""A person, taken out of every table there is, and a tombstone so that they do not come back.

Which tables hold people is asked of the database itself: whatever has a column named like one of these, the models of
the warehouse and tables of later versions included.

Orders stay, under a made-up customer: what a seller earned is the seller's own book, and it names nobody any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from secrets import token_hex

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.errors import NotFound
from marketplace.storage.events import MOST_NAMED
from marketplace.storage.notices import CHANNEL
from marketplace.storage.people import ERASING, TOMBSTONES, user_hash
from marketplace.storage.shared_secrets import shared_secret
from marketplace.storage.tables import accesses, api_keys, erasures, leads, whatsapp_starts
from marketplace.storage.warehouse import Warehouse

USER, CUSTOMER, ACTOR = "user_id", "customer_id", "actor"  # the last: a shopper, or an activity of nobody known
# What leads to a person where no user_id stands beside it.
LINKS = ("session_key", "session_id", "event_id", "start_id", "visitor_hash", "phone_hash")
QUOTED = ("start_code", "start_id")  # what an order keeps of a chat
_OUR_OWN = {"crm.erasures", "crm.api_keys", "crm.accesses", "public.alembic_version"}
_ALSO = ("phone_hash", "event_id")  # a lead may have a number and no user_id
Tables = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Erased:
    """Who was erased, as hashes with user ids first, and how many rows of each table were deleted or emptied."""

    people: tuple[str, ...]
    counts: Mapping[str, int]


@dataclass(slots=True)
class _Person:
    """Under what somebody is known."""

    users: set[str]
    phones: set[str]
    customers: set[str] = field(default_factory=set)
    actors: set[str] = field(default_factory=set)
    links: dict[str, set[str]] = field(default_factory=dict)


def erase_person(
    warehouse: Warehouse, *, requested_by: str, user_id: str | None = None, phone_hash: str | None = None
) -> Erased:
    """What was done; afterwards no table holds the person, and no event of theirs is taken in.

    Somebody who gave a number is one person with whoever else gave it: all user ids and numbers of such leads go too.
    All of it is one transaction.

    Raises
    ------
    NotFound
        If nothing is known of a number, of which then not even the hash is kept. A user id is always entombed.
    """
    key = shared_secret(warehouse, TOMBSTONES)
    with warehouse.begin() as connection:
        connection.execute(sa.text("select pg_advisory_xact_lock(:key)"), {"key": ERASING})
        tables = tables_of_people(connection)
        person = _known_as(connection, tables, user_id, phone_hash)
        counts = _erase(connection, tables, person)
        if user_id is None and not counts:
            raise NotFound("nothing is known of this number")
        hashes = {user_hash(key, one): "user" for one in person.users} | dict.fromkeys(person.phones, "phone")
        rows = [
            {"person_hash": one, "kind": kind, "counts": dict(counts), "requested_by": requested_by}
            for one, kind in sorted(hashes.items())
        ]
        connection.execute(insert(erasures).on_conflict_do_nothing(), rows)
        _forget_keys(connection, person, key)
        _tell(connection, person.users)
    # Ids first: the audit names the first, and a number's hash is more than need be told.
    return Erased(tuple(sorted(hashes, key=lambda one: (hashes[one] != "user", one))), counts)


def tables_of_people(connection: sa.Connection) -> Tables:
    """The columns of every table of ours that hold or lead to people."""
    statement = sa.text(
        "select c.table_schema || '.' || c.table_name, array_agg(c.column_name::text)"
        " from information_schema.columns as c"
        " join information_schema.tables as t using (table_schema, table_name)"
        " where t.table_type = 'BASE TABLE' and c.table_schema not in ('pg_catalog', 'information_schema')"
        " and c.column_name = any(:names) and c.data_type in ('text', 'character varying')"
        " group by 1 order by 1"
    )
    names = [USER, CUSTOMER, ACTOR, *LINKS, *QUOTED]
    return {
        name: frozenset(columns)
        for name, columns in connection.execute(statement, {"names": names})
        if name not in _OUR_OWN
    }


def traces(warehouse: Warehouse, texts: Collection[str]) -> dict[str, int]:
    """Every column of text, JSON or an array of text that holds one of the texts anywhere, and how often.

    It reads the whole database: this is for a proof, not for every day.
    """
    columns = sa.text(
        "select c.table_schema, c.table_name, c.column_name from information_schema.columns as c"
        " join information_schema.tables as t using (table_schema, table_name)"
        " where t.table_type = 'BASE TABLE' and c.table_schema not in ('pg_catalog', 'information_schema')"
        " and c.data_type in ('text', 'character varying', 'json', 'jsonb', 'ARRAY', 'bytea')"
    )
    found: dict[str, int] = {}
    with warehouse.begin() as connection:
        for schema, name, column in connection.execute(columns).all():
            table = sa.table(name, sa.column(column), schema=schema)
            shown = sa.cast(table.c[column], sa.Text)
            holds = sa.or_(
                *(sa.func.strpos(shown, text) > 0 for text in texts),
                *(sa.func.strpos(shown, text.encode().hex()) > 0 for text in texts),
            )
            count = connection.scalar(sa.select(sa.func.count()).select_from(table).where(holds))
            if count:
                found[f"{schema}.{name}.{column}"] = count
    return found


def _known_as(connection: sa.Connection, tables: Tables, user_id: str | None, phone_hash: str | None) -> _Person:
    """Everything under which the person stands in the tables."""
    person = _Person({user_id} if user_id else set(), {phone_hash} if phone_hash else set())
    theirs = sa.or_(leads.c.user_id.in_(person.users), leads.c.phone_hash.in_(person.phones))
    for found in connection.execute(sa.select(leads.c.user_id, leads.c.phone_hash).where(theirs)).all():
        person.users |= {found.user_id} - {None}
        person.phones |= {found.phone_hash} - {None}
    person.links = {name: set() for name in LINKS}
    person.links["phone_hash"] = set(person.phones)
    by_phone = sa.select(leads.c.event_id).where(leads.c.phone_hash.in_(person.phones))
    person.links["event_id"] |= set(connection.scalars(by_phone))
    person.actors = person.users | {f"#lead/{one}" for one in person.links["event_id"]}
    for name, columns in tables.items():
        if USER in columns:
            table = _table(name, columns)
            for link in columns.intersection(LINKS):
                values = sa.select(table.c[link].distinct()).where(table.c[USER].in_(person.users))
                person.links[link] |= set(connection.scalars(values)) - {None}
    started = sa.select(whatsapp_starts.c.start_id).where(whatsapp_starts.c.user_id.in_(person.users))
    chats = {f"chat:{one}" for one in connection.scalars(started)}
    person.customers = person.users | {f"phone:{one}" for one in person.phones} | chats
    return person


def _erase(connection: sa.Connection, tables: Tables, person: _Person) -> Counter[str]:
    nobody = f"erased:{token_hex(8)}"  # the same in every table, so that the books still agree with each other
    counts: Counter[str] = Counter()
    for name, columns in tables.items():
        table = _table(name, columns)
        if CUSTOMER in columns:
            if ACTOR in columns:  # of the chat or click that led to the order, which may be another's
                led: dict[str, str | None] = dict.fromkeys(columns & {ACTOR, "session_key", *QUOTED})
                connection.execute(sa.update(table).where(table.c[ACTOR].in_(person.actors)).values(led))
            emptied: dict[str, str | None] = {CUSTOMER: nobody} | dict.fromkeys(columns.intersection(QUOTED))
            statement: sa.Update | sa.Delete = (
                sa.update(table).where(table.c[CUSTOMER].in_(person.customers)).values(emptied)
            )
        else:
            named = [(one, held) for one, held in ((USER, person.users), (ACTOR, person.actors)) if one in columns]
            linked = [(link, person.links[link]) for link in columns.intersection(LINKS) if not named or link in _ALSO]
            theirs = [table.c[column].in_(values) for column, values in (*named, *linked) if values]
            if not theirs:
                continue
            statement = sa.delete(table).where(sa.or_(*theirs))
        if rows := connection.execute(statement).rowcount:
            counts[name] += rows
    return counts


def _forget_keys(connection: sa.Connection, person: _Person, key: bytes) -> None:
    """Take the person's keys away, and leave only a hash of them in the audit."""
    connection.execute(sa.delete(api_keys).where(api_keys.c.subject.in_(person.users)))
    for user_id in person.users:
        entry = sa.update(accesses).where(accesses.c.subject == user_id)
        connection.execute(entry.values(subject=f"erased:{user_hash(key, user_id)}"))


def _tell(connection: sa.Connection, user_ids: Collection[str]) -> None:
    """Whoever serves forgets what they remember of these shoppers."""
    said = [f"user:{one}" for one in user_ids] if len(user_ids) <= MOST_NAMED else ["users"]
    for one in said:
        connection.execute(sa.select(sa.func.pg_notify(CHANNEL, one)))


def _table(name: str, columns: Collection[str]) -> sa.TableClause:
    schema, _, table = name.partition(".")
    return sa.table(table, *(sa.column(column) for column in columns), schema=schema)
