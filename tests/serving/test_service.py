"""What surrounds every answer: health, metrics, problems, headers, bounded bodies, and what is never imported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from marketplace.errors import ConfigurationError
from marketplace.local.network import free_port
from marketplace.settings import Settings
from models.embedding.encoder import Encoder
from serving.app import create_app
from serving.problems import MEDIA_TYPE
from tests.serving.conftest import Market


def test_serving_imports_neither_the_orchestrator_nor_what_trains() -> None:
    script = (
        "import sys, serving.app\n"
        "from marketplace.settings import Settings\n"
        "serving.app.create_app(Settings(_env_file=None))\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), *sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "fastapi" in loaded
    assert not loaded & {
        "dagster",
        "mlflow",
        "implicit",
        "great_expectations",
        "playwright",
        "dbt",
        "pandas",
        "orchestration",
    }
    assert not loaded & {"models.collaborative.training", "models.collaborative.evaluation", "torch"}


def test_a_market_with_everything_is_ready(client: TestClient, market: Market) -> None:
    health = client.get("/health/ready").json()
    assert health["status"] == "ready"
    assert health["parts"]["index"]["detail"].startswith(f"{market.vectors.health().products} products")


def test_a_market_without_index_is_degraded_and_says_what_to_do(without_index: TestClient) -> None:
    answer = without_index.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert "SOKO_MILVUS_URI" in answer.json()["parts"]["index"]["detail"]


def test_health_tells_of_the_index_what_is_served_and_what_waits(client: TestClient, market: Market) -> None:
    health = client.get("/api/health").json()
    index = health["index"]
    assert health["status"] == "ready"
    assert index["collection"] == market.vectors.current()
    assert (index["index_type"], index["outgrown"], index["away"]) == ("FLAT", False, None)
    assert index["products"] == market.vectors.health().products
    assert set(index["waiting"]) == {"changes", "products", "oldest_seconds"}


def test_health_without_an_index_says_why_and_tells_no_address(without_index: TestClient) -> None:
    index = without_index.get("/api/health").json()["index"]
    assert index["away"] == "Milvus does not answer; is SOKO_MILVUS_URI right?"
    assert index["server"] is None


def test_an_empty_market_is_degraded_and_its_pages_open(fresh: TestClient) -> None:
    assert fresh.get("/health/ready").json()["status"] == "degraded"
    assert fresh.get("/api/products").json() == {"items": [], "next_cursor": None}
    assert "still being set up" in fresh.get("/").text


@pytest.fixture
def without_postgres(market: Market, encoder: Encoder) -> Iterator[TestClient]:
    """The app with a database address where nothing listens."""
    url = f"postgresql://postgres:secret@127.0.0.1:{free_port()}/soko"
    settings = Settings(
        _env_file=None, home=market.settings.home, database_url=url, milvus_uri=market.settings.milvus_uri
    )
    with TestClient(create_app(settings, load=lambda: encoder), raise_server_exceptions=False) as opened:
        yield opened


def test_without_postgres_the_app_lives_and_says_503_without_telling_addresses(without_postgres: TestClient) -> None:
    assert without_postgres.get("/health/live").status_code == 200
    ready = without_postgres.get("/health/ready")
    assert without_postgres.get("/api/health").status_code == 503
    answer = without_postgres.get("/api/products")
    page = without_postgres.get("/", headers={"Accept": "text/html"})
    assert (ready.status_code, ready.json()["status"]) == (503, "down")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert page.status_code == 503
    assert "The market is resting" in page.text
    for said in (answer.text, page.text, ready.text):
        assert "127.0.0.1" not in said
        assert "secret" not in said


def test_an_address_that_is_no_database_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="SOKO_DATABASE_URL"):
        create_app(Settings(_env_file=None, database_url="mysql://somewhere/soko"))


@pytest.mark.parametrize("url", ["nonsense", "postgresql://u@h:abc/db"])
def test_the_process_ends_with_a_sentence_when_a_setting_is_wrong(url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import serving.app; serving.app.app_from_environment()"],
        capture_output=True,
        text=True,
        env={"SOKO_DATABASE_URL": url, "PATH": ""},
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("soko api: SOKO_DATABASE_URL is no database URL")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("path", ["/api/nothing", "/api/products/1", "/media/" + "0" * 64 + ".jpg"])
def test_an_error_is_a_problem_with_the_request_id(client: TestClient, path: str) -> None:
    answer = client.get(path, headers={"X-Request-ID": "mine-42"})
    problem = answer.json()
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert problem["status"] == answer.status_code == 404
    assert problem["request_id"] == answer.headers["x-request-id"] == "mine-42"
    assert problem["instance"] == path
    assert {"type", "title", "detail"} <= set(problem)


def test_a_request_id_that_could_harm_a_log_is_replaced(client: TestClient) -> None:
    answer = client.get("/health/live", headers={"X-Request-ID": "a b<script>"})
    assert len(answer.headers["x-request-id"]) == 32


def test_what_nobody_expected_is_a_problem_without_a_stack_trace(market: Market, encoder: Encoder) -> None:
    app = create_app(market.settings, load=lambda: encoder)

    @app.get("/api/broken")
    def broken() -> None:
        raise ZeroDivisionError("secret detail")

    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/api/broken")
        counted = client.get("/metrics").text
    assert answer.status_code == 500
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert 'soko_requests_total{method="GET",route="/api/broken",status="500"} 1.0' in counted


def test_every_answer_keeps_browsers_safe(client: TestClient) -> None:
    for path in ("/", "/api/products", "/nothing", "/static/soko.css"):
        headers = client.get(path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_an_upload_of_200_mb_is_refused_before_it_is_read(client: TestClient) -> None:
    read = 0

    def body() -> Iterator[bytes]:
        nonlocal read
        for _ in range(200):
            read += 1_000_000
            yield b"\0" * 1_000_000

    headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": "200000000"}
    answer = client.build_request("POST", "/api/search", headers=headers)
    assert answer.headers["content-length"] == "200000000"
    refused = client.post("/api/search", content=body(), headers=headers)
    assert refused.status_code == 413
    assert refused.headers["content-type"] == MEDIA_TYPE
    assert "8,000,000 bytes" in refused.json()["detail"]


def test_an_upload_that_hides_its_length_is_refused_at_the_byte_too_many(client: TestClient) -> None:
    def body() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
        for _ in range(9):
            yield b"\0" * 1_000_000
        yield b"\r\n--x--\r\n"

    answer = client.post("/api/search", content=body(), headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 413


def test_a_long_json_body_is_refused(client: TestClient) -> None:
    assert client.post("/api/crm/leads", json={"message": "x" * 70_000}).status_code == 413


def test_prometheus_counts_requests_by_route_and_not_by_address(client: TestClient) -> None:
    client.get("/api/products/1")
    text = client.get("/metrics").text
    assert 'route="/api/products/{product_id}"' in text
    assert "/api/products/1" not in text
    assert "soko_encoder_ready 1.0" in text


def test_every_route_is_described_and_every_path_of_the_contract_is_there(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path in (
        "/api/products",
        "/api/products/{product_id}",
        "/api/products/similar/{product_id}",
        "/api/search",
        "/api/recommendations/personalized/{user_id}",
        "/api/recommendations/interaction",
        "/api/recommendations/train",
        "/api/recommendations/stats",
        "/api/crm/leads",
        "/api/crm/sellers/{seller_id}/funnel",
        "/api/crm/heartbeat/status",
        "/api/crm/heartbeat/sync/{seller_id}",
        "/api/crm/heartbeat/brakes",
        "/api/crm/heartbeat/brakes/{seller_id}/release",
        "/api/crm/heartbeat/brakes/{seller_id}/clear",
        "/api/crm/sellers/{seller_id}/syncs",
        "/api/crm/dead-letters",
        "/api/crm/dead-letters/redrive",
        "/api/products/{product_id}/history",
        "/api/products/{product_id}/as-of",
        "/api/sellers",
        "/api/sellers/{seller_id}",
        "/api/sellers/{seller_id}/state",
        "/api/analytics/metrics",
        "/health/live",
        "/health/ready",
    ):
        assert path in paths
    for operations in paths.values():
        for operation in operations.values():
            assert operation["description"]
