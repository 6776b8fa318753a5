"""Who asks, and what they may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from serving.dependencies import Shop, shop_of

Role = Literal["shopper", "seller", "analyst", "admin"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: `seller_id` is whose data a seller may see, None for every other role."""

    subject: str
    role: Role
    seller_id: int | None = None

    def may_see_seller(self, seller_id: int) -> bool:
        """Whether this seller's figures are theirs to see."""
        return self.role in ("analyst", "admin") or (self.role == "seller" and self.seller_id == seller_id)


def principal_of(request: Request) -> Principal:
    """Who asks; in development everybody is its operator.

    Raises
    ------
    HTTPException
        401 in production.
    """
    shop: Shop = shop_of(request)
    if shop.settings.environment == "production":
        raise HTTPException(401, "send a key of this market", {"WWW-Authenticate": "Bearer"})
    return Principal("development", "admin")


def analyst_of(principal: Annotated[Principal, Depends(principal_of)]) -> Principal:
    """Who asks, if the figures of the whole market are theirs to see.

    Raises
    ------
    HTTPException
        403 for everybody else.
    """
    if principal.role not in ("analyst", "admin"):
        raise HTTPException(403, f"a {principal.role} may not see the whole market")
    return principal


def refuse_other_sellers(principal: Principal, seller_id: int) -> None:
    """Returns for who may see this seller's data.

    Raises
    ------
    HTTPException
        404 for everybody else, as for a seller that is not there.
    """
    if not principal.may_see_seller(seller_id):
        raise HTTPException(404, f"seller {seller_id} is not known")


PrincipalDep = Annotated[Principal, Depends(principal_of)]
AnalystDep = Annotated[Principal, Depends(analyst_of)]
