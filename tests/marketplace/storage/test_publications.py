"""What serving follows switches whole, keeps one version back, and never empties."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from marketplace.errors import PublicationRefused
from marketplace.storage.publications import (
    RecommendationSet,
    publish_recommendations,
    published,
    roll_back_recommendations,
)
from marketplace.storage.tables import popular_products, recommendations

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def rows(product_id):
    personal = [
        {"user_id": "u", "rank": 1, "product_id": product_id, "score": 1.0, "cf_score": 1.0, "visual_score": 1.0}
    ]
    popular = [{"category": "", "rank": 1, "product_id": product_id, "score": 2.0}]
    return RecommendationSet(personal=personal, neighbours=[], popular=popular)


def stored(warehouse, table):
    with warehouse.begin() as connection:
        return {row.version: row.product_id for row in connection.execute(sa.select(table))}


def test_the_version_before_is_kept_and_older_ones_go(warehouse):
    assert published(warehouse) is None
    for version in ("a", "b", "c"):
        publish_recommendations(warehouse, version, rows(ord(version)), details={"model": version}, now=NOW)
    assert (published(warehouse).version, published(warehouse).previous_version) == ("c", "b")
    assert stored(warehouse, recommendations) == {"b": ord("b"), "c": ord("c")}


def test_publishing_a_version_again_changes_nothing(warehouse):
    for _ in range(2):
        publish_recommendations(warehouse, "a", rows(1), details={}, now=NOW)
    assert published(warehouse).previous_version is None
    assert stored(warehouse, popular_products) == {"a": 1}


def test_an_empty_set_is_refused_and_the_old_one_stays(warehouse):
    publish_recommendations(warehouse, "a", rows(1), details={}, now=NOW)
    with pytest.raises(PublicationRefused, match="b name no popular product"):
        publish_recommendations(warehouse, "b", RecommendationSet([], [], []), details={}, now=NOW)
    assert published(warehouse).version == "a"


def test_a_failure_in_the_middle_leaves_the_old_version_whole(warehouse):
    publish_recommendations(warehouse, "a", rows(1), details={}, now=NOW)
    broken = rows(2)
    broken.popular.append({"category": "", "rank": 1, "product_id": 3, "score": 1.0})
    with pytest.raises(sa.exc.IntegrityError):
        publish_recommendations(warehouse, "b", broken, details={}, now=NOW)
    assert published(warehouse).version == "a"
    assert stored(warehouse, recommendations) == {"a": 1}


def test_rolling_back_serves_the_version_before(warehouse):
    with pytest.raises(PublicationRefused):
        roll_back_recommendations(warehouse, now=NOW)
    publish_recommendations(warehouse, "a", rows(1), details={"model": "1"}, now=NOW)
    publish_recommendations(warehouse, "b", rows(2), details={"model": "2"}, now=NOW)
    publish_recommendations(warehouse, "b", rows(2), details={"model": "2"}, now=NOW)
    for version, model in (("a", "1"), ("b", "2")):
        assert roll_back_recommendations(warehouse, now=NOW).version == version
        assert (published(warehouse).version, published(warehouse).details) == (version, {"model": model})
