"""A disk that fills up under Postgres: writes are refused, reads are served, and room is all that must be made."""

from __future__ import annotations

import os
import subprocess

import psycopg2
import pytest
import sqlalchemy as sa

from marketplace.errors import StoreUnreachable
from marketplace.ingestion.sync import sync_seller
from marketplace.storage.catalog import add_seller, live_products
from marketplace.storage.tables import (
    dead_letters,
    page_validators,
    product_changes,
    product_versions,
    products,
    sync_events,
)
from marketplace.storage.warehouse import Warehouse

from .conftest import NOW

PRODUCTS = 250
OF_ONE_RUN = {"sync_id", "version_id", "change_id", "words", "updated_at"}  # numbers, and what is made of other columns


@pytest.fixture
def small_disk(postgres, scratch):
    """A disk of 64 MB on which the server may keep tables; its log stands elsewhere."""
    folder = scratch / "small-disk"
    folder.mkdir()
    try:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64m", "soko-test", str(folder)], capture_output=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("there is no mount here to make a small disk with")
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        tables = folder / "tables"
        tables.mkdir(mode=0o700)
        if postgres.user is not None:
            os.chown(tables, postgres.user, -1)
        yield tables
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def on_small_disk(postgres, small_disk):
    """A migrated warehouse all of whose tables lie on the small disk."""
    connection = psycopg2.connect(postgres.url("postgres"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"create tablespace small location '{small_disk}'")
        cursor.execute("create database on_small_disk template template_soko tablespace small")
    opened = Warehouse(postgres.url("on_small_disk"))
    yield opened
    opened.close()
    with connection.cursor() as cursor:
        cursor.execute("drop database on_small_disk with (force)")
        cursor.execute("drop tablespace small")
    connection.close()


def filled(folder):
    """A file that takes the last byte of a disk."""
    ballast = folder.parent / "ballast"
    with ballast.open("wb", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2
    return ballast


def state(warehouse):
    tables = (products, product_changes, product_versions, page_validators, dead_letters, sync_events)
    with warehouse.begin() as connection:
        return {
            table.name: sorted(
                tuple(map(repr, row))
                for row in connection.execute(sa.select(*(c for c in table.c if c.name not in OF_ONE_RUN)))
            )
            for table in tables
        }


def test_a_disk_that_fills_up_in_the_middle_of_a_sync_costs_nothing_but_that_sync(
    on_small_disk, small_disk, warehouse, shelf, seller, images, settings
):
    for number in range(len(shelf.products), PRODUCTS):
        shelf.put(f"{number}")
    add_seller(on_small_disk, seller)
    options = {"source": shelf, "trigger": "command", "now": NOW}
    ballast = []

    def fill(step, done, total):
        if step == "stored" and not ballast:
            ballast.append(filled(small_disk))

    with pytest.raises(StoreUnreachable, match="No space left on device"):
        sync_seller(on_small_disk, images, settings, seller, progress=fill, **options)

    assert 50 <= len(live_products(on_small_disk)) < PRODUCTS  # what was acknowledged is still served
    with pytest.raises(StoreUnreachable, match="No space left on device"):
        sync_seller(on_small_disk, images, settings, seller, **options)
    assert state(on_small_disk)["dead_letters"] == []

    ballast[0].unlink()
    audit = sync_seller(on_small_disk, images, settings, seller, **options)
    undisturbed = sync_seller(warehouse, images, settings, seller, **options)
    assert (audit.status, audit.failed, audit.refusals) == ("done", 0, [])
    assert (undisturbed.status, undisturbed.new) == ("done", PRODUCTS)
    assert state(on_small_disk) == state(warehouse)
