"""Products: the shelf, one product, and those like it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.exceptions import HTTPException

from marketplace.search.asking import Filters
from marketplace.storage.shelf import browse, categories, product_of
from serving.cursors import cursor_of, place_of
from serving.dependencies import CategoryFilter, Cursor, Limit, ProductId, SellerFilter, ShopDep
from serving.presenting import product_detail, shown_product
from serving.schemas import CategoryShown, Problem, ProductDetail, ProductPage
from serving.search_presenting import similar_products
from serving.search_schemas import SimilarProducts

router = APIRouter(prefix="/api", tags=["products"])


@router.get("/products")
def read_products(
    shop: ShopDep,
    limit: Limit = 24,
    cursor: Cursor = None,
    category: CategoryFilter = None,
    seller_id: SellerFilter = None,
) -> ProductPage:
    """Products that shoppers can buy, newest day first. One row per product."""
    page = browse(shop.warehouse, limit=limit, after=place_of(cursor), category=category, seller_id=seller_id)
    return ProductPage(items=[shown_product(item) for item in page.products], next_cursor=cursor_of(page.next_place))


@router.get("/categories")
def read_categories(shop: ShopDep, limit: Limit = 50) -> list[CategoryShown]:
    """Categories with products in them, fullest first. One row per category."""
    return [CategoryShown(name=item.name, products=item.products) for item in categories(shop.warehouse, limit=limit)]


@router.get("/products/similar/{product_id}", responses={404: {"model": Problem}})
def read_similar(
    product_id: ProductId,
    shop: ShopDep,
    limit: Limit = 10,
    threshold: Annotated[float, Query(ge=0, le=1, description="least cosine of the vectors")] = 0.5,
    category: CategoryFilter = None,
    in_stock: Annotated[bool, Query(description="false finds sold-out products as well")] = True,
    collapse: Annotated[bool, Query(description="show near-duplicates once, the others under `also_at`")] = False,
) -> SimilarProducts:
    """Products whose picture and words are like this one's, most alike first. One row per product.

    While likeness cannot be told, products of the same category stand in, and the answer says `degraded`.
    """
    filters = Filters(categories=() if category is None else (category,), in_stock=in_stock)
    alike = shop.finder.similar(product_id, limit=limit, threshold=threshold, filters=filters, collapse=collapse)
    if alike.reason:
        shop.metrics.degraded.labels("similar").inc()
    return similar_products(product_id, alike)


@router.get("/products/{product_id}", responses={404: {"model": Problem}, 410: {"model": Problem}})
def read_product(product_id: ProductId, shop: ShopDep) -> ProductDetail:
    """One product; 410 once its seller took it away."""
    product = product_of(shop.warehouse, product_id)
    if product.is_gone:
        raise HTTPException(410, f"product {product_id} is no longer sold")
    return product_detail(product, shop.settings.public_url, shop.chats.codes)
