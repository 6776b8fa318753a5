"""What holds for every dbt model, read from the manifest."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse.dbt_command import PROJECT, Dbt

Node = dict[str, Any]
GRAIN = re.compile(r"One row per [^.]+\.$")
# Of what is known as facts and dimensions under names of their own.
ANALYSES = ("customer_", "cohort_", "retention_", "product_affinity", "purchase_intervals", "seasonality")
PREFIXES = {
    "staging": ("stg_catalog__", "stg_raw__", "stg_crm__", "stg_serving__"),
    "intermediate": ("int_",),
    "marts": ("fct_", "dim_", "mart_", *ANALYSES),
}
LOGIC = re.compile(r"\bcase\b|\bover \(|\bfilter \(|\bweight\b|\brate\(|\blocal_day\(|\bcoalesce\(| = '|extract\(")
TYPES = {
    "_at": "timestamp with time zone",
    "_on": "date",
    "is_": "boolean",
    "has_": "boolean",
    "_id": ("bigint", "text"),
}


@pytest.fixture(scope="session")
def manifest(scratch: Path) -> dict[str, Any]:
    """The parsed project, with no database to reach; a dbt warning is an error."""
    parsed = Dbt("postgresql://nobody@127.0.0.1:1/nowhere", scratch / "dbt-parsed")
    parsed("--warn-error", "parse")
    return parsed.artifact("manifest.json")


@pytest.fixture(scope="session")
def models(manifest: dict[str, Any]) -> dict[str, Node]:
    found = (node for node in manifest["nodes"].values() if node["resource_type"] == "model")
    return {node["name"]: node for node in found}


def layer(node: Node) -> str:
    return str(node["fqn"][1])


def in_layer(models: dict[str, Node], name: str) -> list[Node]:
    return [node for node in models.values() if layer(node) == name]


def unit_tested(manifest: dict[str, Any]) -> set[str]:
    return {test["model"] for test in manifest["unit_tests"].values()}


def test_every_description_ends_with_the_grain(manifest: dict[str, Any]) -> None:
    rows = [node for node in manifest["nodes"].values() if node["resource_type"] in {"model", "seed", "analysis"}]
    described = [*rows, *manifest["sources"].values()]
    assert {node["resource_type"] for node in described} == {"model", "seed", "analysis", "source"}
    assert [node["name"] for node in described if not GRAIN.search(node["description"].strip())] == []


def test_every_column_that_is_named_is_described(manifest: dict[str, Any]) -> None:
    nodes = [node for node in manifest["nodes"].values() if node["resource_type"] in {"model", "seed"}]
    bare = [f"{n['name']}.{c['name']}" for n in nodes for c in n["columns"].values() if not c["description"].strip()]
    assert bare == []


def test_names_tell_the_layer_and_each_layer_has_its_schema(models: dict[str, Node]) -> None:
    assert {layer(node) for node in models.values()} == set(PREFIXES)
    assert [n["name"] for n in models.values() if not n["name"].startswith(PREFIXES[layer(n)])] == []
    assert [n["name"] for n in models.values() if n["schema"] != layer(n)] == []


def test_files_of_properties_name_their_folder() -> None:
    found = [path for layer in PREFIXES for path in (PROJECT / "models" / layer).rglob("*.yml")]
    assert len(found) >= 6
    assert [path.name for path in found if not path.name.startswith(f"_{path.parent.name}__")] == []


def test_every_mart_is_a_public_table_under_contract_with_every_column_typed(models: dict[str, Node]) -> None:
    marts = in_layer(models, "marts")
    assert len(marts) >= 17
    for mart in marts:
        assert mart["config"]["contract"]["enforced"], mart["name"]
        assert mart["config"]["materialized"] in {"table", "incremental"}, mart["name"]
        assert mart["access"] == "public", mart["name"]
        assert all(column["data_type"] for column in mart["columns"].values()), mart["name"]


def test_every_incremental_model_replaces_by_key_under_contract_and_refuses_other_columns(
    models: dict[str, Node],
) -> None:
    growing = {n["name"]: n["config"] for n in models.values() if n["config"]["materialized"] == "incremental"}
    assert {"int_interactions_deduplicated", "fct_interactions", "fct_sessions", "fct_funnel_daily"} <= set(growing)
    for name, config in growing.items():
        assert config["unique_key"], name
        assert (config["contract"]["enforced"], config["on_schema_change"]) == (True, "fail"), name
        assert config["incremental_strategy"] == "replace", name


def test_the_other_layers_belong_to_this_project_alone(models: dict[str, Node]) -> None:
    inner = in_layer(models, "staging") + in_layer(models, "intermediate")
    assert {node["access"] for node in inner} == {"protected"}


def test_columns_of_marts_are_named_for_their_types(models: dict[str, Node]) -> None:
    for mart in in_layer(models, "marts"):
        for column in mart["columns"].values():
            for affix, expected in TYPES.items():
                is_named = column["name"].endswith(affix) if affix[0] == "_" else column["name"].startswith(affix)
                allowed = expected if isinstance(expected, tuple) else (expected,)
                assert not is_named or column["data_type"] in allowed, (mart["name"], column["name"])


def test_every_dbt_model_that_decides_anything_is_unit_tested(
    manifest: dict[str, Any], models: dict[str, Node]
) -> None:
    deciding = {n["name"] for n in models.values() if layer(n) != "staging" and LOGIC.search(n["raw_code"])}
    assert {"fct_funnel_daily", "fct_leads", "int_interactions_deduplicated", "dim_sellers"} <= deciding
    assert deciding - unit_tested(manifest) == set()


def test_every_dbt_model_proves_its_key(manifest: dict[str, Any], models: dict[str, Node]) -> None:
    keyed = {
        str(node["attached_node"]).rpartition(".")[2]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
        and (node.get("test_metadata") or {}).get("name") in {"unique", "unique_together"}
    }
    without = {"int_interactions_orphaned", "int_leads_orphaned"}
    assert set(models) - keyed == without


def test_only_staging_reads_sources_and_each_source_is_staged_once(
    manifest: dict[str, Any], models: dict[str, Node]
) -> None:
    readers = {n["name"]: [p for p in n["depends_on"]["nodes"] if p.startswith("source.")] for n in models.values()}
    assert all(len(read) == (1 if name.startswith("stg_") else 0) for name, read in readers.items())
    assert sorted(source for read in readers.values() for source in read) == sorted(manifest["sources"])


def test_a_mart_reads_of_other_marts_only_facts_dimensions_and_scores(models: dict[str, Node]) -> None:
    marts = {mart["name"] for mart in in_layer(models, "marts")}
    for mart in in_layer(models, "marts"):
        read = {parent.rpartition(".")[2] for parent in mart["depends_on"]["nodes"]} & marts
        assert all(name.startswith(("fct_", "dim_", "customer_rfm")) for name in read), mart["name"]


def test_sources_line_up_with_the_asset_graph(manifest: dict[str, Any]) -> None:
    keys = {s["name"]: s["config"]["meta"]["dagster"]["asset_key"] for s in manifest["sources"].values()}
    assert keys == {
        "sellers": ["sellers"],
        "sync_runs": ["scouted_products"],
        "products": ["products"],
        "product_changes": ["product_changes"],
        "product_quality": ["product_quality"],
        "product_versions": ["product_changes"],
        "interactions": ["raw", "interactions"],
        "leads": ["raw", "leads"],
        "exposures": ["raw", "exposures"],
        "whatsapp_starts": ["raw", "whatsapp_starts"],
        "orders": ["raw", "orders"],
        "order_lines": ["raw", "order_lines"],
        "exchange_rates": ["raw", "exchange_rates"],
        "lead_events": ["crm", "lead_events"],
        "experiments": ["serving", "experiments"],
    }


def test_the_api_the_analyst_and_the_recommender_are_exposures_of_marts_only(manifest: dict[str, Any]) -> None:
    exposures = {e["name"]: e for e in manifest["exposures"].values()}
    assert set(exposures) >= {
        *("crm_api", "analytics_api", "afrimash_metrics", "seller_dashboard", "market_dashboard"),
        *("analyst_funnel", "recommendations", "experiments", "customers_and_baskets"),
    }
    read = {parent.rpartition(".")[2] for e in exposures.values() for parent in e["depends_on"]["nodes"]}
    assert all(name.startswith(PREFIXES["marts"]) for name in read)
    assert all(e["description"].strip() for e in exposures.values())


def test_the_marts_that_others_read_keep_their_columns(models: dict[str, Node]) -> None:
    assert list(models["fct_interactions"]["columns"]) == [
        *["event_id", "user_id", "session_key", "product_id", "seller_id", "category", "kind", "weight", "surface"],
        *["device", "source", "experiment", "variant", "occurred_at", "occurred_on", "received_at", "known_at"],
    ]
    assert list(models["fct_funnel_daily"]["columns"]) == [
        *["funnel_on", "seller_id", "category", "source", "device", "experiment", "variant"],
        *["impressions", "views", "clicks", "whatsapp_starts", "wishlists", "purchases"],
        *["orders", "orders_matched", "orders_probable", "orders_unknown", "known_at"],
        *["view_to_click_rate", "click_to_whatsapp_rate"],
    ]


def test_every_singular_test_is_described_and_names_the_asset_whose_check_it_is(manifest: dict[str, Any]) -> None:
    tests = (node for node in manifest["nodes"].values() if node["resource_type"] == "test")
    singular = [node for node in tests if node.get("test_metadata") is None]
    assert len(singular) >= 5
    for node in singular:
        checked = node["config"]["meta"]["dagster"]["ref"]["name"]
        assert node["description"].strip(), node["name"]
        assert f"model.soko.{checked}" in node["depends_on"]["nodes"], node["name"]


def test_every_metric_is_a_column_of_the_mart_that_it_names(models: dict[str, Node]) -> None:
    with (PROJECT / "seeds" / "metrics.csv").open(newline="", encoding="utf-8") as file:
        metrics = list(csv.DictReader(file))
    assert len(metrics) >= 25
    marts = {mart["name"]: set(mart["columns"]) for mart in in_layer(models, "marts")}
    assert [row["name"] for row in metrics if row["column_name"] not in marts.get(row["mart"], set())] == []
