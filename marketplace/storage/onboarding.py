"""Sellers who are taken in, found by what a person calls them, and moved from state to state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from marketplace.catalog.onboarding import Profile, handle_of, refuse_other, refuse_step
from marketplace.catalog.products import Seller, SellerState
from marketplace.errors import InputRejected, NotFound
from marketplace.storage.catalog import SELLER_COLUMNS
from marketplace.storage.tables import sellers
from marketplace.storage.warehouse import Warehouse


def take_in(warehouse: Warehouse, described: Seller, given: Profile) -> tuple[Seller, bool]:
    """The seller who is kept under that handle now, and whether they are new; one who is known stays as they are.

    Raises
    ------
    Conflict
        If a seller of that handle is kept with another source or other details.
    """
    statement = insert(sellers).values(**asdict(described)).on_conflict_do_nothing()
    with warehouse.begin() as connection:
        is_new = connection.execute(statement).rowcount == 1
        known = _one(connection, sellers.c.handle == described.handle)
    assert known is not None
    refuse_other(known, described, given)
    return known, is_new


def sellers_in(
    warehouse: Warehouse, *, state: SellerState | None = None, after: str = "", limit: int
) -> Sequence[Seller]:
    """Sellers by handle: all or those in one state, from the first handle behind `after`."""
    statement = sa.select(*SELLER_COLUMNS).where(sellers.c.handle > after).order_by(sellers.c.handle).limit(limit)
    if state is not None:
        statement = statement.where(sellers.c.state == state)
    with warehouse.begin() as connection:
        return [Seller(**row) for row in connection.execute(statement).mappings()]


def find_seller(warehouse: Warehouse, called: str) -> Seller:
    """The seller of that handle, name or id.

    Raises
    ------
    NotFound
        If nobody is called that.
    """
    with warehouse.begin() as connection:
        found = _one(connection, sellers.c.handle == _handle(called))
        if found is None and called.isascii() and called.isdecimal() and len(called) <= len(str(2**53)):
            found = _one(connection, sellers.c.seller_id == int(called))
    if found is None:
        raise NotFound(f"no seller has the handle, name or id {called!r}; see: soko seller list")
    return found


def set_state(warehouse: Warehouse, seller_id: int, state: SellerState) -> Seller:
    """The seller in that state; one who is in it already stays as they are.

    Raises
    ------
    NotFound
        If nobody has that id.
    Conflict
        If that state does not follow the one they are in.
    """
    mine = sellers.c.seller_id == seller_id
    with warehouse.begin() as connection:
        known = _one(connection, mine, for_update=True)
        if known is None:
            raise NotFound(f"no seller has the id {seller_id}")
        refuse_step(known.handle, known.state, state)
        connection.execute(sa.update(sellers).where(mine).values(state=state))
    return replace(known, state=state)


def _one(connection: sa.Connection, which: sa.ColumnElement[bool], *, for_update: bool = False) -> Seller | None:
    statement = sa.select(*SELLER_COLUMNS).where(which)
    row = connection.execute(statement.with_for_update() if for_update else statement).mappings().one_or_none()
    return None if row is None else Seller(**row)


def _handle(called: str) -> str:
    try:
        return handle_of(called)
    except InputRejected as error:
        raise NotFound(f"no seller is called {called!r}; see: soko seller list") from error
