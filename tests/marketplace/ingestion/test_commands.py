"""`soko seller` and `soko import`, as a person types them."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from marketplace.cli import app
from marketplace.storage.catalog import live_products, sellers

from .conftest import picture


@pytest.fixture
def soko(database_url, tmp_path, monkeypatch):
    """Runs one command line; its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOKO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SOKO_DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "300")

    def run(*arguments):
        done = CliRunner().invoke(app, [str(argument) for argument in arguments])
        return done.exit_code, done.output

    return run


@pytest.fixture
def feed(tmp_path):
    (tmp_path / "1.jpg").write_bytes(picture())
    (tmp_path / "shop.csv").write_text("id,title,price,image\n1,Kiondo handbag,1299,1.jpg\n2,Basket,abc,\n3,Mug,300,\n")
    return tmp_path / "shop.csv"


def test_a_feed_is_imported_and_its_bad_rows_are_told(soko, feed, warehouse):
    code, said = soko("import", "catalog", feed, "--seller", "Mama Njeri", "--phone", "0712 345 678")
    assert code == 0
    assert "Mama Njeri: 2 new, 0 prices changed, 0 otherwise changed, 0 gone, 0 unchanged, 1 refused" in said
    assert "2: row 3, price: 'abc' is no price" in said
    [seller] = sellers(warehouse)
    assert (seller.handle, seller.phone, seller.country, seller.currency) == (
        "mama-njeri",
        "+254712345678",
        "KE",
        "KES",
    )
    assert [bool(product.image_sha256) for product in live_products(warehouse)].count(True) == 1


def test_importing_again_changes_nothing_and_forgets_nothing(soko, feed, warehouse):
    soko("import", "catalog", feed, "--seller", "Nakasero", "--country", "UG", "--currency", "USD", "--city", "Kampala")
    before = sellers(warehouse), live_products(warehouse)
    code, said = soko("import", "catalog", feed, "--seller", "Nakasero")
    assert (code, "0 new" in said, "2 unchanged" in said) == (0, True, True)
    assert sellers(warehouse) == before[0]
    assert [product.price for product in live_products(warehouse)] == [product.price for product in before[1]]


def test_a_feed_that_would_remove_most_is_braked_until_that_is_accepted(soko, tmp_path, warehouse):
    long, short = tmp_path / "long.csv", tmp_path / "short.csv"
    long.write_text("id,title\n" + "".join(f"{number},Basket {number} of sisal\n" for number in range(10)))
    short.write_text("id,title\n1,Basket 1 of sisal\n")
    soko("import", "catalog", long, "--seller", "Amina")
    code, said = soko("import", "catalog", short, "--seller", "Amina")
    assert (code, len(live_products(warehouse))) == (1, 10)
    assert "9 of 10 products would vanish at once, more than 30% may; none was removed" in said
    code, said = soko("import", "catalog", short, "--seller", "Amina", "--accept-removals")
    assert (code, len(live_products(warehouse)), "9 gone" in said) == (0, 1, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seller", "???"], "seller name '???' has no letter or digit"),
        (["--seller", "A", "--phone", "12"], "phone '12' is no number"),
        (["--seller", "A", "--phone", "call me"], "phone 'call me' is no number"),
        (["--seller", "A", "--country", "Kenya"], "country 'KENYA' is no ISO country"),
        (["--seller", "A", "--currency", "gold"], "'gold' is no currency"),
    ],
)
def test_what_a_command_says_wrongly_is_told_in_one_line_and_leaves_nobody_behind(
    soko, feed, warehouse, options, message
):
    code, said = soko("import", "catalog", feed, *options)
    assert code == 1
    assert f"error: {message}" in said
    assert sellers(warehouse, active_only=False) == []


def test_a_feed_that_cannot_be_read_leaves_no_seller_behind(soko, tmp_path, warehouse):
    code, said = soko("import", "catalog", tmp_path / "absent.csv", "--seller", "Amina")
    assert (code, "absent.csv cannot be read: No such file" in said) == (1, True)
    assert sellers(warehouse) == []


def test_a_seller_of_a_catalogue_page_is_added_and_listed(soko, warehouse):
    code, said = soko(
        "seller", "add", "Mama Njeri", "--url", "https://shop.example/c/254700000001", "--city", "Nairobi"
    )
    assert (code, "the next heartbeat reads https://shop.example/c/254700000001" in said) == (0, True)
    code, said = soko("seller", "list")
    assert "Mama Njeri" in said
    assert "https://shop.example/c/254700000001" in said
    assert [seller.source_kind for seller in sellers(warehouse)] == ["whatsapp"]


def test_a_sellers_pages_are_never_turned_into_a_feed_by_mistake(soko, feed, warehouse):
    soko("seller", "add", "Mama Njeri", "--url", "https://shop.example/c/254700000001")
    code, said = soko("import", "catalog", feed, "--seller", "mama njeri")
    assert (code, "is kept with a catalogue of kind whatsapp" in said) == (1, True)
    assert live_products(warehouse) == []


def test_an_address_that_is_none_is_refused(soko):
    code, said = soko("seller", "add", "Amina", "--url", "shop.example/c/1")
    assert (code, "'shop.example/c/1' is not http or https" in said) == (1, True)


def test_a_database_without_tables_says_what_to_do(soko, postgres, monkeypatch, feed):
    monkeypatch.setenv("SOKO_DATABASE_URL", postgres.create_database("without_tables"))
    code, said = soko("import", "catalog", feed, "--seller", "Amina")
    assert (code, "run: soko migrate" in said) == (1, True)


def test_the_kind_of_a_shop_is_said_when_it_is_added(soko, warehouse):
    code, _ = soko("seller", "add", "Amina", "--kind", "shopify", "--url", "https://amina.example")
    assert (code, [seller.source_kind for seller in sellers(warehouse)]) == (0, ["shopify"])
    code, said = soko("seller", "add", "Amina", "--kind", "fax", "--url", "https://amina.example")
    assert (code, "'fax'" in said) == (2, True)


def test_an_address_of_this_network_is_refused_where_such_are_not_read(soko, warehouse, monkeypatch):
    code, said = soko("seller", "add", "Amina", "--url", "http://127.0.0.1:8090/c/1")
    assert (code, "names port 8090" in said, sellers(warehouse)) == (1, True, [])
    monkeypatch.setenv("SOKO_ALLOW_PRIVATE_HOSTS", "true")
    assert soko("seller", "add", "Amina", "--url", "http://127.0.0.1:8090/c/1")[0] == 0


def test_a_seller_is_paused_suspended_and_taken_back_by_handle_name_or_id(soko, warehouse):
    soko("seller", "add", "Mama Njeri", "--url", "https://shop.example/c/254700000001")
    [seller] = sellers(warehouse)
    steps = [
        ("pause", "mama-njeri", "is paused"),
        ("activate", "Mama Njeri", "is active"),
        ("suspend", seller.seller_id, "is suspended"),
        ("reinstate", "mama njeri", "is pending"),
    ]
    for command, called, said in steps:
        code, output = soko("seller", command, called)
        assert (code, said in output) == (0, True), output
    assert "pending" in soko("seller", "list")[1]
    code, said = soko("seller", "pause", "mama-njeri")
    assert (code, "is pending; what may follow is active or suspended, not paused" in said) == (1, True)


@pytest.mark.parametrize("called", ["Nobody", "7", "???"])
def test_a_seller_whom_nobody_knows_is_named(soko, called):
    code, said = soko("seller", "pause", called)
    assert (code, f"{called!r}" in said, "soko seller list" in said) == (1, True, True)


def test_what_is_said_of_a_seller_again_changes_no_state_and_a_suspended_one_imports_nothing(soko, feed, warehouse):
    soko("import", "catalog", feed, "--seller", "Amina")
    soko("seller", "suspend", "amina")
    code, said = soko("import", "catalog", feed, "--seller", "Amina", "--city", "Kisumu")
    assert (code, "seller amina is suspended" in said) == (1, True)
    soko("seller", "reinstate", "amina")
    assert soko("import", "catalog", feed, "--seller", "Amina", "--city", "Kisumu")[0] == 0
    [seller] = sellers(warehouse, active_only=False)
    assert (seller.state, seller.city) == ("pending", "Kisumu")
