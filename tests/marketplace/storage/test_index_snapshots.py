"""A backup of the index is one file that can be restored, and that is refused by name where it was harmed."""

from __future__ import annotations

from datetime import timedelta

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from marketplace.errors import ArtifactUnavailable, PublicationRefused
from marketplace.storage.index_checks import check_index
from marketplace.storage.index_snapshots import back_up, last_snapshot, restore, take_snapshot
from marketplace.storage.tables import index_snapshots, product_embeddings

from .test_index_builds import MODEL, NOW, builds, change, embed, sell, served
from .test_upkeep import follow, market


@pytest.fixture
def taken(warehouse, lite_vectors, tmp_path):
    market(warehouse, lite_vectors, count=20)
    return back_up(warehouse, lite_vectors, tmp_path / "index.parquet", now=NOW)


def test_a_backup_holds_every_row_and_says_what_it_is(taken):
    assert taken.manifest.products == 20
    assert (taken.manifest.model_version, taken.manifest.index_type) == (MODEL, "IVF_FLAT")
    assert taken.file.with_name("index.parquet.sha256").read_text() == f"{taken.sha256}  index.parquet\n"
    assert pq.read_table(taken.file, columns=["product_id"]).num_rows == 20


def test_a_restored_index_serves_the_products_of_now(warehouse, vectors, tmp_path):
    first = market(warehouse, vectors)
    file = back_up(warehouse, vectors, tmp_path / "index.parquet", now=NOW).file
    change(warehouse, 1, is_gone=True)
    change(warehouse, 2, price_minor=7)
    sell(warehouse, 7)
    embed(warehouse)
    build = restore(warehouse, vectors, file, now=NOW)
    assert vectors.current() == build.collection != first.collection
    assert served(vectors) == [2, 3, 4, 5, 6, 7]
    assert check_index(warehouse, vectors, now=NOW).passed
    assert builds(warehouse) == {first.collection: "previous", build.collection: "live"}
    follow(warehouse, vectors)
    assert vectors.described(build.collection).breadth == build.breadth


def test_an_index_that_is_gone_from_milvus_comes_back_from_its_backup(warehouse, lite_vectors, taken):
    lite_vectors.milvus.ask("drop_alias", lite_vectors.alias)
    lite_vectors.drop(taken.manifest.collection)
    restore(warehouse, lite_vectors, taken.file, now=NOW)
    assert served(lite_vectors) == list(range(1, 21))


def test_a_backup_restored_again_and_again_leaves_the_one_before_for_rollback(warehouse, lite_vectors, taken):
    first, second, third = (restore(warehouse, lite_vectors, taken.file, now=NOW).collection for _ in range(3))
    assert builds(warehouse) | {first: "dropped", second: "previous", third: "live"} == builds(warehouse)
    assert lite_vectors.collections() == sorted([second, third])


@pytest.mark.parametrize("place", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("has_sum", [True, False])
def test_a_harmed_backup_is_refused_by_name(warehouse, lite_vectors, taken, place, has_sum):
    before = lite_vectors.current()
    content = bytearray(taken.file.read_bytes())
    content[int(place * len(content))] ^= 255
    taken.file.write_bytes(bytes(content))
    if not has_sum:
        taken.file.with_name("index.parquet.sha256").unlink()
    with pytest.raises(ArtifactUnavailable, match=r"index\.parquet is (corrupt|not the file)"):
        restore(warehouse, lite_vectors, taken.file, now=NOW)
    assert lite_vectors.collections() == [lite_vectors.current()] == [before]


def test_what_is_no_backup_is_refused(warehouse, lite_vectors, taken, tmp_path):
    with pytest.raises(ArtifactUnavailable, match="there is no backup at"):
        restore(warehouse, lite_vectors, tmp_path / "other.parquet", now=NOW)
    table = pq.read_table(taken.file).replace_schema_metadata({})
    pq.write_table(table.slice(0, 3), tmp_path / "bare.parquet")
    with pytest.raises(ArtifactUnavailable, match="has no manifest"):
        restore(warehouse, lite_vectors, tmp_path / "bare.parquet", now=NOW)
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(ArtifactUnavailable, match=r"text\.parquet is corrupt"):
        restore(warehouse, lite_vectors, tmp_path / "text.parquet", now=NOW)


def test_a_backup_of_half_the_rows_is_refused(warehouse, lite_vectors, taken, tmp_path):
    table = pq.read_table(taken.file)
    metadata = pq.read_metadata(taken.file).metadata
    pq.write_table(table.slice(0, 10).replace_schema_metadata(metadata), tmp_path / "half.parquet")
    with pytest.raises(ArtifactUnavailable, match="its 10 rows are not those its manifest names"):
        restore(warehouse, lite_vectors, tmp_path / "half.parquet", now=NOW)


def test_a_backup_of_a_model_that_postgres_has_no_vectors_of_is_refused(warehouse, lite_vectors, taken):
    with warehouse.begin() as connection:
        connection.execute(sa.delete(product_embeddings))
    with pytest.raises(PublicationRefused, match="of which Postgres has no vector"):
        restore(warehouse, lite_vectors, taken.file, now=NOW)


def test_the_newest_snapshots_are_kept(warehouse, lite_vectors, tmp_path):
    market(warehouse, lite_vectors)
    days = [NOW + timedelta(days=day) for day in range(4)]
    files = [take_snapshot(warehouse, lite_vectors, tmp_path, keep=2, now=day).file for day in days]
    assert sorted(tmp_path.glob("*.parquet")) == files[2:]
    assert len(list(tmp_path.iterdir())) == 4
    with warehouse.begin() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(index_snapshots)).scalar_one() == 2
    assert last_snapshot(warehouse) == (str(files[3].resolve()), days[3])


def test_there_is_nothing_to_back_up_before_something_is_served(warehouse, lite_vectors, tmp_path):
    with pytest.raises(ArtifactUnavailable, match="nothing to back up"):
        back_up(warehouse, lite_vectors, tmp_path / "index.parquet", now=NOW)
    assert list(tmp_path.iterdir()) == []
