"""The servers of production as docker-compose.yml describes them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from dotenv import dotenv_values

from marketplace.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
KNOWN = {f"SOKO_{name.upper()}" for name in Settings.model_fields}
SECRETS = {"POSTGRES_PASSWORD", "MINIO_ROOT_PASSWORD", "MILVUS_ROOT_PASSWORD"}
RUNS_OUR_CODE = ("migration", "code-server", "webserver", "daemon", "api")


def strings(node):
    if isinstance(node, dict):
        for key, value in node.items():
            yield from strings(key)
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)
    elif isinstance(node, str):
        yield node


@pytest.mark.parametrize("name", SERVICES)
def test_every_soko_variable_of_a_service_is_a_setting(name):
    given = {key for key in SERVICES[name].get("environment", {}) if key.startswith("SOKO_")}
    assert given <= KNOWN


def test_every_setting_that_differs_between_machines_reaches_the_code():
    reached = {key for name in RUNS_OUR_CODE for key in SERVICES[name]["environment"]}
    assert reached >= KNOWN


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_by_a_tag(name):
    image = SERVICES[name]["image"]
    tag = image.rpartition(":")[2] if ":" in image.rpartition("/")[2] else ""
    assert re.search(r"\d+\.\d+|RELEASE\.\d{4}", tag), f"{name} runs {image}"


@pytest.mark.parametrize("name", SERVICES)
def test_every_server_has_a_health_check(name):
    check = SERVICES[name]["healthcheck"]
    assert check["disable"] if name == "migration" else check["test"]


def test_no_password_has_a_default():
    text = (ROOT / "docker-compose.yml").read_text()
    named = set(re.findall(r"\$\{(\w*PASSWORD\w*)", text))
    assert named == SECRETS
    assert {found for found in re.findall(r"\$\{\w*PASSWORD[^}]*\}", text) if ":?" not in found} == set()


def test_no_password_is_written_out():
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if "PASSWORD" in key or "SECRET" in key or "TOKEN" in key:
                assert "${" in value, f"{name} writes {key} out"
        for text in strings(service):
            assert not re.search(r"://[^/$\s]+:[^$/@\s]+@", text), f"{name} has a password in {text}"


def test_known_passwords_are_only_for_development():
    path = ROOT / "development.env"
    known = dotenv_values(path)
    assert set(known) >= SECRETS
    assert known["SOKO_ENVIRONMENT"] == "development"
    assert path.read_text().startswith("# DEVELOPMENT ONLY")


def test_every_volume_is_named_and_used():
    mounted = {
        volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", []) if volume
    }
    assert mounted == set(COMPOSE["volumes"])


def test_ports_are_opened_on_loopback_only():
    opened = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert opened
    assert all(port.startswith("127.0.0.1:") for port in opened)


def test_services_wait_for_services_that_exist_and_become_healthy():
    for service in SERVICES.values():
        for needed, wait in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if needed == "migration" else "service_healthy"
            assert wait["condition"] == expected
            assert needed in SERVICES


def test_the_api_image_carries_no_dagster():
    stages = re.split(r"^FROM ", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    api = next(stage for stage in stages if stage.startswith("base AS api"))
    assert "'.[serving]'" in api
    assert "orchestration" not in api
    assert "dagster" not in api


def test_milvus_is_2_6_or_later():
    version = SERVICES["milvus"]["image"].rpartition(":v")[2].split(".")
    assert (int(version[0]), int(version[1])) >= (2, 6)
