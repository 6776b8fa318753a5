"""How models come to answer: verified, swapped whole while answers go on, and kept when the next one is bad."""

from __future__ import annotations

import io
import pickle
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from marketplace.errors import ArtifactUnavailable, StoreUnreachable
from marketplace.local.network import free_port, wait_until
from marketplace.settings import Settings
from marketplace.storage.model_files import (
    ModelVersion,
    fetch_from_registry,
    keep_model,
    model_arrays,
    model_versions,
)
from marketplace.storage.warehouse import Warehouse
from models.embedding.encoder import Encoder
from serving.app import create_app
from tests.serving.recommending import chain, did, name_model, publish_lists, publish_model, stock


class Canary:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


class Registry:
    """MLflow's plain HTTP, as far as a file of a run goes; `files` by run."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        files = self.files

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                run = self.path.partition("run_uuid=")[2].partition("&")[0]
                is_right = self.path.startswith("/get-artifact?") and "path=model%2Farrays.npz" in self.path
                body = files.get(run) if is_right else None
                self.send_response(404 if body is None else 200)
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()


@pytest.fixture
def registry() -> Iterator[Registry]:
    started = Registry()
    yield started
    started.server.shutdown()
    started.server.server_close()


@pytest.fixture
def stocked(nowhere: Settings) -> Iterator[tuple[Warehouse, list[int]]]:
    """A market of sixty products with lists, where ann clicked on the tenth."""
    warehouse = Warehouse(nowhere.database_url.get_secret_value())
    ids = stock(warehouse)
    publish_lists(warehouse, [("", "", ids[0])])
    did(warehouse, "ann", ("click", ids[10]))
    yield warehouse, ids
    warehouse.close()


@pytest.fixture
def opened(nowhere: Settings, encoder: Encoder) -> Iterator[Callable[..., TestClient]]:
    clients: list[TestClient] = []

    def begin(**changed: Any) -> TestClient:
        own = {"recommendation_exploration": 0.0, "mlflow_tracking_uri": f"http://127.0.0.1:{free_port()}", **changed}
        client = TestClient(create_app(nowhere.model_copy(update=own), load=lambda: encoder))
        client.__enter__()
        clients.append(client)
        return client

    yield begin
    for client in clients:
        client.__exit__(None, None, None)


def asked(client: TestClient) -> dict[str, Any]:
    answer = client.get("/api/recommendations/personalized/ann", params={"limit": 3})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def part(client: TestClient) -> dict[str, str]:
    found: dict[str, str] = client.get("/health/ready").json()["parts"]["recommendations"]
    return found


def folder_of(settings: Settings) -> Path:
    return settings.artifacts_folder / "models"


def test_a_new_model_is_taken_up_under_load_without_a_failed_request(
    stocked: tuple[Warehouse, list[int]], opened: Callable[..., TestClient], nowhere: Settings
) -> None:
    warehouse, ids = stocked
    publish_model(warehouse, folder_of(nowhere), chain(ids), "1")
    client = opened()
    assert wait_until(lambda: asked(client)["versions"]["model"] == "1", 10)
    seen: list[tuple[int, str | None, int]] = []
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            answer = client.get("/api/recommendations/personalized/ann", params={"limit": 3})
            first = answer.json()["items"][0]["product_id"] if answer.status_code == 200 else 0
            seen.append((answer.status_code, answer.json()["versions"]["model"], first))

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        publish_model(warehouse, folder_of(nowhere), chain(ids, backwards=True), "2")
        assert wait_until(lambda: any(version == "2" for _, version, _ in seen), 15)
    finally:
        stop.set()
        for thread in threads:
            thread.join(10)
    assert {status for status, _, _ in seen} == {200}
    assert {(version, first) for _, version, first in seen} == {("1", ids[11]), ("2", ids[9])}  # never half of each


def test_a_model_with_one_byte_changed_is_refused_and_the_last_good_one_stays(
    stocked: tuple[Warehouse, list[int]], opened: Callable[..., TestClient], nowhere: Settings, registry: Registry
) -> None:
    warehouse, ids = stocked
    folder = folder_of(nowhere)
    publish_model(warehouse, folder, chain(ids), "1")
    client = opened(mlflow_tracking_uri=registry.url)
    assert wait_until(lambda: asked(client)["versions"]["model"] == "1", 10)
    sha256, content = publish_model(warehouse, folder, chain(ids, backwards=True), "2", is_kept=False)
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 1
    (folder / f"{sha256}.npz").write_bytes(changed)
    registry.files["run2"] = bytes(changed)
    assert wait_until(lambda: asked(client)["degraded"], 10)
    answer = asked(client)
    assert (answer["versions"]["model"], answer["items"][0]["product_id"]) == ("1", ids[11])
    assert "model 2 is published" in answer["reason"]
    assert part(client)["state"] == "degraded"
    assert "not the model" in part(client)["detail"]


def test_a_changed_file_is_mended_from_the_registry(
    stocked: tuple[Warehouse, list[int]], opened: Callable[..., TestClient], nowhere: Settings, registry: Registry
) -> None:
    warehouse, ids = stocked
    sha256, content = publish_model(warehouse, folder_of(nowhere), chain(ids), "1", is_kept=False)
    folder_of(nowhere).mkdir(parents=True)
    (folder_of(nowhere) / f"{sha256}.npz").write_bytes(content[:-1])
    registry.files["run1"] = content
    client = opened(mlflow_tracking_uri=registry.url)
    assert wait_until(lambda: asked(client)["versions"]["model"] == "1", 10)
    assert not asked(client)["degraded"]
    assert (folder_of(nowhere) / f"{sha256}.npz").read_bytes() == content


def test_with_the_registry_away_at_start_the_last_verified_model_answers(
    stocked: tuple[Warehouse, list[int]], opened: Callable[..., TestClient], nowhere: Settings
) -> None:
    warehouse, ids = stocked
    publish_model(warehouse, folder_of(nowhere), chain(ids), "1")
    publish_model(warehouse, folder_of(nowhere), chain(ids, backwards=True), "2", is_kept=False)
    client = opened()
    assert wait_until(lambda: "does not answer" in (asked(client)["reason"] or ""), 15)
    answer = asked(client)
    assert answer["degraded"]
    assert (answer["versions"]["model"], answer["items"][0]["product_id"]) == ("1", ids[11])
    assert answer["reason"] == "model 2 is published, but the registry of models does not answer; model 1 answers"
    health = client.get("/health/ready")
    assert health.status_code == 200
    assert health.json()["parts"]["recommendations"] == {"state": "degraded", "detail": answer["reason"]}


def test_with_no_model_at_hand_others_steps_answer(
    stocked: tuple[Warehouse, list[int]], opened: Callable[..., TestClient]
) -> None:
    warehouse, ids = stocked
    name_model(warehouse, "1", "f" * 64)
    client = opened()
    assert wait_until(lambda: "no model answers" in (asked(client)["reason"] or ""), 10)
    assert asked(client)["items"][0]["product_id"] == ids[0]


def test_a_pickle_is_refused_and_never_unpickled(
    stocked: tuple[Warehouse, list[int]], opened: Callable[..., TestClient], nowhere: Settings, tmp_path: Path
) -> None:
    warehouse, _ = stocked
    canary = tmp_path / "canary"
    hidden = io.BytesIO()
    np.savez(hidden, kind=np.array("als"), items=np.array([Canary(canary)], dtype=object), allow_pickle=True)
    for number, content in enumerate((pickle.dumps(Canary(canary)), hidden.getvalue(), b"", b"PK\x03\x04 no zip"), 1):
        sha256 = keep_model(folder_of(nowhere), content)
        with pytest.raises(ArtifactUnavailable):
            model_arrays(folder_of(nowhere), sha256)
        name_model(warehouse, str(number), sha256)
    client = opened()
    assert wait_until(lambda: "holds no plain arrays" in (asked(client)["reason"] or ""), 10)
    assert not canary.exists()


@pytest.mark.parametrize(
    "more",
    [
        {"hybrid_weights": [1.5], "hybrid_depths": [0]},
        {"hybrid_weights": [0.5, 0.4]},
        {"hybrid_weights": ["half"], "hybrid_depths": [0]},
        {"half_life_days": [30.0, 60.0]},
    ],
)
def test_weights_of_the_hybrid_that_make_no_sense_are_refused(
    stocked: tuple[Warehouse, list[int]],
    opened: Callable[..., TestClient],
    nowhere: Settings,
    more: dict[str, Any],
) -> None:
    warehouse, ids = stocked
    publish_model(warehouse, folder_of(nowhere), chain(ids), "1", more=more)
    client = opened()
    assert wait_until(lambda: "model 1 is published, but" in (asked(client)["reason"] or ""), 10)


def test_the_learned_weights_are_told_beside_the_documented_one(
    stocked: tuple[Warehouse, list[int]], opened: Callable[..., TestClient], nowhere: Settings
) -> None:
    warehouse, ids = stocked
    more = {"hybrid_weights": [0.25, 0.75], "hybrid_depths": [0, 5]}
    publish_model(warehouse, folder_of(nowhere), chain(ids), "1", more=more)
    client = opened()
    assert wait_until(lambda: asked(client)["versions"]["model"] == "1", 10)
    model = client.get("/api/recommendations/stats").json()["serving"]["model"]
    assert model["weights"] == {"0": 0.25, "5": 0.75}
    assert (model["documented"], model["coverage"], model["kind"]) == (0.6, 1.0, "item_cosine")
    assert asked(client)["items"][0]["score"] == pytest.approx(0.25)


def test_the_version_before_is_named_for_a_rollback(stocked: tuple[Warehouse, list[int]], nowhere: Settings) -> None:
    warehouse, ids = stocked
    assert model_versions(warehouse) == []
    one, _ = publish_model(warehouse, folder_of(nowhere), chain(ids), "1")
    two, _ = publish_model(warehouse, folder_of(nowhere), chain(ids, reach=2), "2")
    assert [(found.version, found.sha256) for found in model_versions(warehouse)] == [("2", two), ("1", one)]


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "f" * 63])
def test_a_hash_that_is_none_names_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArtifactUnavailable, match="SHA-256"):
        model_arrays(tmp_path, name)


def test_a_registry_that_is_away_is_said_to_be(tmp_path: Path) -> None:
    wanted = ModelVersion("1", "f" * 64, "als", None, {})
    with pytest.raises(StoreUnreachable, match="MLflow"):
        model_arrays(tmp_path, wanted.sha256, fetch_from_registry(f"http://127.0.0.1:{free_port()}", wanted))
