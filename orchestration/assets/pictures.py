"""Pictures: what is measured of each, which were taken from another seller, and who sells the same product."""

import base64
import io
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
from PIL import Image

from marketplace.storage import copies, matches, pictures
from marketplace.storage.images import Images
from orchestration.assets.catalog import ENGINEERS
from orchestration.failures import failing_by_class
from orchestration.pictures import bars, shown, table
from orchestration.resources import EncodersParam, ImagesParam, WarehouseParam

PAIRS_SHOWN = 12
THUMBNAIL = (120, 120)


@dg.asset(
    deps=["products"],
    group_name="quality",
    kinds={"python"},
    owners=ENGINEERS,
    check_specs=[dg.AssetCheckSpec("every_picture_was_measured", asset="picture_measures")],
)
@failing_by_class
def picture_measures(warehouse: WarehouseParam, images: ImagesParam) -> dg.MaterializeResult:
    """Sharpness, writing, signs of a screen and a perceptual hash, with the flaws they show. One row per picture."""
    started = time.monotonic()
    done = pictures.measure_pictures(warehouse, images, now=datetime.now(UTC))
    seconds = time.monotonic() - started
    return dg.MaterializeResult(
        metadata={
            "measured_now": done.pictures,
            "pictures_per_second": round(done.pictures / seconds, 1),
            "seconds": round(seconds, 1),
            "flaws": shown(bars("Flaws", pictures.flaw_counts(warehouse), unit="products")),
            "flawed_sample": table(pictures.flawed(warehouse, limit=20)),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="every_picture_was_measured",
                passed=not done.unreadable,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"unreadable": dg.MetadataValue.json(done.unreadable)},
            )
        ],
    )


@dg.asset(
    deps=["product_embeddings", picture_measures],
    group_name="quality",
    kinds={"python"},
    owners=ENGINEERS,
    check_specs=[dg.AssetCheckSpec("copied_photos_have_both_witnesses", asset="photo_copies")],
)
@failing_by_class
def photo_copies(warehouse: WarehouseParam, images: ImagesParam, encoders: EncodersParam) -> dg.MaterializeResult:
    """Photos that a seller took from another, by hash and by vector. One row per product that shows a taken photo."""
    started = time.monotonic()
    encoder = encoders.load()
    suspected, found = copies.find_copies(
        warehouse, images, encoder.version, has_shared_space=encoder.has_shared_space, now=datetime.now(UTC)
    )
    unsound = copies.copies_lacking_a_witness(warehouse)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(found),
            "named_by_hashes": suspected,
            "seconds": round(time.monotonic() - started, 1),
            "pairs": side_by_side(images, copies.latest_copies(warehouse, limit=PAIRS_SHOWN)),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="copied_photos_have_both_witnesses", passed=unsound == 0, metadata={"unsound": unsound}
            )
        ],
    )


@dg.asset(
    deps=["product_embeddings"],
    group_name="quality",
    kinds={"python"},
    owners=ENGINEERS,
    check_specs=[dg.AssetCheckSpec("matches_are_of_several_sellers", asset="product_matches")],
)
@failing_by_class
def product_matches(warehouse: WarehouseParam, encoders: EncodersParam) -> dg.MaterializeResult:
    """The same product at several sellers, with what it was judged by. One row per product in a group."""
    started = time.monotonic()
    encoder = encoders.load()
    found = matches.find_matches(
        warehouse, encoder.version, has_shared_space=encoder.has_shared_space, now=datetime.now(UTC)
    )
    lone = matches.groups_of_one_seller(warehouse)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(found),
            "groups": len({match.match_id for match in found}),
            "seconds": round(time.monotonic() - started, 1),
            "price_spreads": table(matches.widest_spreads(warehouse, limit=20)),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="matches_are_of_several_sellers", passed=lone == 0, metadata={"of_one_seller": lone}
            )
        ],
    )


def side_by_side(images: Images, evidence: Sequence[copies.CopyEvidence]) -> dg.MarkdownMetadataValue:
    """A table of each copy beside its original, with both pieces of evidence."""
    lines = ["| copy | taken from | bits of 64 | cosine |", "|---|---|---|---|"]
    for pair in evidence:
        copy = f"{_thumbnail(images, pair.image_sha256)} {_cell(pair.title)}, {_cell(pair.seller)}"
        original = (
            f"{_thumbnail(images, pair.original_sha256)} {_cell(pair.original_title)}, {_cell(pair.original_seller)}"
        )
        lines.append(f"| {copy} | {original} | {pair.phash_distance} | {pair.cosine:.3f} |")
    return dg.MetadataValue.md("\n".join(lines))


def _thumbnail(images: Images, sha256: str) -> str:
    with Image.open(io.BytesIO(images.read(sha256))) as picture:
        picture.thumbnail(THUMBNAIL)
        target = io.BytesIO()
        picture.save(target, "JPEG", quality=70)
    return f"![{sha256[:8]}](data:image/jpeg;base64,{base64.b64encode(target.getvalue()).decode()})"


def _cell(text: str) -> str:
    return "".join(" " if letter in "|\r\n[]`<>" else letter for letter in text)
