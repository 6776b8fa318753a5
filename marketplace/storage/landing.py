"""Many rows at once into a table with a key; a row whose key is there already is left as it is.

Rows go straight into the table by COPY, since almost always all of them are new. Where one is not, Postgres takes that
piece back, and it goes in again by an INSERT that passes over what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import psycopg2
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

T = TypeVar("T")
Columns = Mapping[str, Sequence[str | None]]  # each column's values as Postgres reads them
FEWEST_COPIED = 100  # below, one INSERT is quicker than a savepoint and a COPY
PIECE = 100_000  # what is written in vain, at most, where a row is no new one
BLOCK = 5_000  # written to the socket while Postgres stores the block before
_POSTGRES: sa.Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
_MARKS = "\\\t\n\r"
_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_QUOTED = str.maketrans({"\\": "\\\\", '"': '\\"'})


def land(
    connection: sa.Connection, table: sa.Table, rows: Sequence[T], columns_of: Callable[[Sequence[T]], Columns]
) -> int:
    """How many of these rows, of which no two share a key, were new.

    Parameters
    ----------
    columns_of
        The columns of some of the rows; asked for a block at a time, so that reading and storing overlap.
    """
    if len(rows) >= FEWEST_COPIED and _copied(connection, table, rows, columns_of):
        return len(rows)
    return _merged(connection, table, columns_of(rows))


def sent(table: sa.Table, rows: Columns, **others: tuple[str, Sequence[str | None]]) -> tuple[str, dict[str, str]]:
    """SQL that holds the rows under the name `sent`, and its parameters; others are columns that the table lacks."""
    types = {name: table.c[name].type.compile(_POSTGRES) for name in rows}
    extended = {**rows, **{name: values for name, (_, values) in others.items()}}
    types |= {name: kind for name, (kind, _) in others.items()}
    arrays = ", ".join(f"cast(:sent_{name} as {types[name]}[])" for name in extended)
    values = {f"sent_{name}": as_array(column) for name, column in extended.items()}
    return f"unnest({arrays}) as sent ({', '.join(extended)})", values


def as_array(values: Sequence[str | None]) -> str:
    """A column as the literal of an array, which costs far less than a parameter for each value."""
    found = [value for value in values if value is not None]
    if any(mark in "".join(found) for mark in '\\"'):
        values = [None if value is None else value.translate(_QUOTED) for value in values]
    return "{" + ",".join(["NULL" if value is None else f'"{value}"' for value in values]) + "}"


def _copied(
    connection: sa.Connection, table: sa.Table, rows: Sequence[T], columns_of: Callable[[Sequence[T]], Columns]
) -> bool:
    """Whether all rows were new, and are in the table; otherwise none is."""
    names = ", ".join(columns_of(rows[:0]))
    blocks = (_lines(columns_of(rows[start : start + BLOCK])) for start in range(0, len(rows), BLOCK))
    savepoint = connection.begin_nested()
    try:
        cursor: Any = connection.connection.cursor()
        cursor.copy_expert(f"copy {table.fullname} ({names}) from stdin", _Stream(blocks))
        cursor.close()
    except psycopg2.errors.UniqueViolation:
        savepoint.rollback()
        return False
    except psycopg2.OperationalError as error:
        raise sa.exc.OperationalError(f"copy {table.fullname}", None, error) from error
    savepoint.commit()
    return True


def _merged(connection: sa.Connection, table: sa.Table, rows: Columns) -> int:
    source, values = sent(table, rows)
    names = ", ".join(rows)
    into = f"insert into {table.fullname} ({names}) select {names} from {source}"  # noqa: S608
    return connection.execute(sa.text(f"{into} on conflict do nothing"), values).rowcount


def _lines(rows: Columns) -> bytes:
    escaped = [_escaped(values) for values in rows.values()]
    return "".join([f"{line}\n" for line in map("\t".join, zip(*escaped, strict=True))]).encode()


def _escaped(values: Sequence[str | None]) -> Sequence[str]:
    """The values as COPY reads them; most columns need nothing but a look."""
    text = "".join([value for value in values if value is not None])
    if any(mark in text for mark in _MARKS):
        return [r"\N" if value is None else value.translate(_ESCAPED) for value in values]
    return [r"\N" if value is None else value for value in values]


class _Stream:
    """What COPY reads: one block after the other."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks

    def read(self, size: int = -1) -> Any:
        """The next block, whatever was asked for; nothing after the last."""
        return next(self._blocks, b"")
