"""Recommendations in the shape that clients receive, rendered once."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json

from serving.presenting import product_fields
from serving.recommender.asking import Answer, Recommended


def answer_fields(answer: Answer) -> dict[str, Any]:
    """The fields of an answer; `user_id` is null for a session without a record."""
    return {
        "answer_id": answer.answer_id,
        "user_id": answer.ask.user_id,
        "source": answer.source,
        "sources": answer.sources,
        "degraded": answer.lacking is not None,
        "reason": answer.lacking,
        "versions": {
            "model": answer.model_version,
            "index": answer.index_version,
            "recommendations": answer.lists_version,
        },
        "experiment": answer.experiment,
        "variant": answer.variant,
        "items": [_item_fields(item) for item in answer.items],
    }


def rendered(answer: Answer) -> bytes:
    """The answer as JSON."""
    return to_json(answer_fields(answer))


def _item_fields(item: Recommended) -> dict[str, Any]:
    return {
        **product_fields(item.product),
        "source": item.source,
        "score": None if item.score is None else round(item.score, 4),
        "reason": item.reason,
        "because": item.because,
        "propensity": round(item.propensity, 6),
    }
