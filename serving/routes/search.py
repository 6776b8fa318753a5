"""Search by words, by a photo, by products, or several of them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, ImmutableMultiDict, UploadFile
from starlette.exceptions import HTTPException

from marketplace.errors import InputRejected
from marketplace.search.asking import SearchQuery
from serving.dependencies import ShopDep
from serving.schemas import Problem
from serving.search_presenting import search_results
from serving.search_schemas import EXAMPLES, MOST_CATEGORIES, MOST_EXAMPLES, SearchAsked, SearchResults

router = APIRouter(prefix="/api", tags=["search"])
LISTS = ("like", "unlike", "categories")
FORM_FIELDS = len(SearchAsked.model_fields) + 2 * MOST_EXAMPLES + MOST_CATEGORIES
_SCHEMA = "application/json"


async def query_of(request: Request) -> SearchQuery:
    """The search that a JSON or multipart body asks for."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await photo_query(request)
    if kind != _SCHEMA:
        raise HTTPException(415, f"send application/json or multipart/form-data, not {kind[:80] or 'nothing'}")
    try:
        return SearchAsked.model_validate_json(await request.body()).query()
    except ValidationError as error:
        raise _refused(error) from error


async def photo_query(request: Request) -> SearchQuery:
    """The search that a form asks for, words and photo both being optional."""
    async with request.form(max_files=1, max_fields=FORM_FIELDS) as form:
        try:
            asked = SearchAsked.model_validate(fields_of(form))
        except ValidationError as error:
            raise _refused(error) from error
        return asked.query(await image_of(form))


def fields_of(form: ImmutableMultiDict[str, Any]) -> dict[str, Any]:
    """The form's texts under their names; the storefront calls its words `q`, and empty means not given."""
    fields: dict[str, Any] = {}
    for name in form:
        values = [value for value in form.getlist(name) if value != ""]
        if name == "image" or not values:
            continue
        if name in LISTS:
            fields[name] = values
        elif name == "box":
            fields[name] = str(values[-1]).split(",")
        else:
            fields["text" if name == "q" else name] = values[-1]
    if "text" in fields:
        fields["text"] = str(fields["text"]).strip() or None
    return fields


async def image_of(form: FormData) -> bytes | None:
    """The photo in the form, None without one.

    Raises
    ------
    InputRejected
        If it is a text.
    """
    image = form.get("image")
    if isinstance(image, UploadFile):
        return await image.read() or None
    if image:
        raise InputRejected("image: send a file, not a text")
    return None


def _refused(error: ValidationError) -> RequestValidationError:
    return RequestValidationError([{**part, "loc": ("body", *part["loc"])} for part in error.errors()])


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            _SCHEMA: {"schema": SearchAsked.model_json_schema(), "examples": EXAMPLES},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "image": {"type": "string", "format": "binary", "description": "JPEG, PNG, WebP or GIF"},
                        **SearchAsked.model_json_schema()["properties"],
                        "box": {"type": "string", "description": "left,top,right,bottom as shares of the sides"},
                    },
                }
            },
        },
    }
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {status: {"model": Problem} for status in (404, 413, 415, 422, 503)}


@router.post("/search", response_model=SearchResults, openapi_extra=_BODY, responses=_PROBLEMS)
def search(query: Annotated[SearchQuery, Depends(query_of)], shop: ShopDep) -> Response:
    """Products that match the words, the photo, the examples or several of these, best first. One row per product.

    While vectors are away, words are still searched and the answer says `degraded`; what words cannot answer is a 503.
    One search ranks 500 products at most, and pages end there; likeness names 144 of them, or 500 where they are
    sorted otherwise, counted or grouped.
    """
    found = shop.finder.find(query)
    if found.degraded:
        shop.metrics.degraded.labels("search").inc()
    # Written at once: as a model, FastAPI would check each field a second time.
    return Response(search_results(found).model_dump_json(), media_type=_SCHEMA)
