"""The programs a local market consists of, and the settings they share."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import requests
from sqlalchemy.engine import make_url

from marketplace.errors import ConfigurationError
from marketplace.local.home import Home
from marketplace.local.milvus import EmbeddedMilvus
from marketplace.local.network import LOOPBACK, answers
from marketplace.local.postgres import EmbeddedPostgres
from marketplace.local.supervisor import Service
from marketplace.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]
DATABASES = ("soko", "dagster", "mlflow")
STORES, FRONT, GRAPH, WORK = range(4)


@dataclass(frozen=True, slots=True)
class Plan:
    """What `soko up` starts: each service once, and the environment all of them get."""

    services: Mapping[str, Service]
    environment: Mapping[str, str]
    postgres: EmbeddedPostgres | None

    def of_stage(self, stage: int) -> list[Service]:
        """The services of one stage."""
        return [service for service in self.services.values() if service.stage == stage]


def plan_services(settings: Settings, home: Home, ports: Mapping[str, int], *, reload: bool = False) -> Plan:
    """Every service this machine has to run; a store whose address was set explicitly is somebody else's."""
    environment = market_environment(settings, home, ports)
    postgres = EmbeddedPostgres(home.folder / "postgres", ports["postgres"]) if _needs_postgres(settings) else None
    services = [_postgres(postgres)] if postgres else []
    if "milvus_uri" not in settings.model_fields_set:
        services.append(_milvus(home, ports["milvus"]))
    if settings.environment == "development":
        services.append(_shop(home, ports["shop"]))
    services.append(_api(ports["api"], reload=reload))
    if "mlflow_tracking_uri" not in settings.model_fields_set and postgres:
        services.append(_mlflow(home, postgres, ports["mlflow"]))
    services += _dagster(home, ports["code-server"], ports["dagster"])
    ready = [replace(service, environment={**environment, **service.environment}) for service in services]
    return Plan({service.name: service for service in ready}, environment, postgres)


def market_environment(settings: Settings, home: Home, ports: Mapping[str, int]) -> dict[str, str]:
    """The variables under which every part of this market finds every other."""
    given = settings.model_fields_set
    postgres = f"postgresql://postgres@{LOOPBACK}:{ports['postgres']}"
    stores = {
        "database_url": f"{postgres}/soko",
        "dagster_database_url": f"{postgres}/dagster",
        "mlflow_tracking_uri": f"http://{LOOPBACK}:{ports['mlflow']}",
        "milvus_uri": f"http://{LOOPBACK}:{ports['milvus']}",
        "public_url": f"http://{LOOPBACK}:{ports['api']}",
        "allow_private_hosts": "true",
    }
    if settings.environment == "development":
        stores["auth"] = "open"  # a market on one's own machine; whoever sets SOKO_AUTH=keys needs a key
    found = {f"SOKO_{name.upper()}": _plain(settings, name) if name in given else own for name, own in stores.items()}
    return {
        "SOKO_HOME": str(home.folder),
        **found,
        **dbt_environment(found["SOKO_DATABASE_URL"]),
        "DAGSTER_HOME": str(home.dagster),
        "MLFLOW_TRACKING_URI": found["SOKO_MLFLOW_TRACKING_URI"],
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        **QUIET,
    }


def dbt_environment(database_url: str) -> dict[str, str]:
    """The database's address in the pieces that dbt's profile reads."""
    url = make_url(database_url)
    return {
        "SOKO_DBT_HOST": url.host or LOOPBACK,
        "SOKO_DBT_PORT": str(url.port or 5432),
        "SOKO_DBT_USER": url.username or "postgres",
        "SOKO_DBT_PASSWORD": url.password or "",
        "SOKO_DBT_DBNAME": url.database or "soko",
    }


QUIET = {
    "DO_NOT_TRACK": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # 0.5 GB instead of 2.5 GB
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONUNBUFFERED": "1",
}


def job_service(job: str, environment: Mapping[str, str]) -> Service:
    """A Dagster job that runs to its end in a process of its own, without a server."""
    command = (*_python("dagster"), "job", "execute", "-m", "orchestration.definitions", "-j", job)
    return Service(f"job {job}", command, WORK, lambda: True, environment=environment, folder=PROJECT, is_task=True)


def prepare_dagster(home: Home, ports: Mapping[str, int]) -> None:
    """Write DAGSTER_HOME: the project's instance settings, and where the code server is.

    Raises
    ------
    ConfigurationError
        If this is no checkout of the project.
    """
    instance = PROJECT / "dagster.yaml"
    if not instance.is_file():
        raise ConfigurationError(f"{instance} is missing; `soko up` runs from a checkout of the project")
    home.dagster.mkdir(parents=True, exist_ok=True)
    (home.dagster / "dagster.yaml").write_text(instance.read_text())
    server = f"{{host: {LOOPBACK}, port: {ports['code-server']}, location_name: soko}}"
    _workspace(home).write_text(f"load_from:\n  - grpc_server: {server}\n")


def answers_http(url: str) -> bool:
    """Whether the address answers without an error within two seconds."""
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def _postgres(server: EmbeddedPostgres) -> Service:
    return Service(
        "postgres",
        tuple(server.command()),
        STORES,
        server.is_ready,
        port=server.port,
        folder=Path("/"),
        stop_signal=signal.SIGINT,
        user=server.user,
    )


def _milvus(home: Home, port: int) -> Service:
    server = EmbeddedMilvus(home.folder / "milvus", port)
    return Service("milvus", tuple(server.command()), STORES, _listens(port), port=port)


def _shop(home: Home, port: int) -> Service:
    command = (
        *_python("marketplace.local.shop_server"),
        "--port",
        str(port),
        "--state",
        str(home.folder / "shop.json"),
    )
    return Service("shop", command, STORES, _serves(port, "/robots.txt"), port=port)


def _api(port: int, *, reload: bool) -> Service:
    command = [*_python("uvicorn"), "--factory", "serving.app:app_from_environment", "--host", LOOPBACK]
    command += ["--timeout-graceful-shutdown", "5", "--no-server-header", "--port", str(port)]
    if reload:
        folders = [str(PROJECT / name) for name in ("serving", "marketplace", "models")]
        command += ["--reload", *(part for folder in folders for part in ("--reload-dir", folder))]
    return Service("api", tuple(command), FRONT, _serves(port, "/health/live"), port=port, folder=PROJECT)


def _mlflow(home: Home, postgres: EmbeddedPostgres, port: int) -> Service:
    command = [*_python("mlflow"), "server", "--workers", "1", "--serve-artifacts", "--host", LOOPBACK]
    command += ["--artifacts-destination", (home.folder / "mlflow").as_uri(), "--port", str(port)]
    return Service(
        "mlflow",
        tuple(command),
        FRONT,
        _serves(port, "/health"),
        port=port,
        environment={"MLFLOW_BACKEND_STORE_URI": postgres.url("mlflow")},
        folder=home.folder,
        patience_seconds=180,
    )


def _dagster(home: Home, code_port: int, web_port: int) -> list[Service]:
    workspace = str(_workspace(home))
    code = [*_python("dagster"), "code-server", "start", "-m", "orchestration.definitions", "--location-name", "soko"]
    code += ["--use-python-environment-entry-point", "--host", LOOPBACK, "--port", str(code_port)]
    web = [*_python("dagster_webserver"), "-w", workspace, "-h", LOOPBACK, "-p", str(web_port)]
    daemon = [*_python("dagster._daemon"), "run", "-w", workspace]
    return [
        Service(
            "code-server", tuple(code), GRAPH, _listens(code_port), port=code_port, folder=PROJECT, patience_seconds=180
        ),
        Service("dagster", tuple(web), GRAPH, _serves(web_port, "/server_info"), port=web_port, folder=PROJECT),
        Service("daemon", tuple(daemon), GRAPH, lambda: True, folder=PROJECT),
    ]


def _needs_postgres(settings: Settings) -> bool:
    return not {"database_url", "dagster_database_url", "mlflow_tracking_uri"} <= settings.model_fields_set


def _workspace(home: Home) -> Path:
    return home.dagster / "workspace.yaml"


def _python(module: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module)


def _listens(port: int) -> Callable[[], bool]:
    return lambda: answers(port)


def _serves(port: int, path: str) -> Callable[[], bool]:
    return lambda: answers_http(f"http://{LOOPBACK}:{port}{path}")


def _plain(settings: Settings, name: str) -> str:
    value = getattr(settings, name)
    secret = getattr(value, "get_secret_value", None)
    plain = secret() if secret else value
    return str(plain).lower() if isinstance(plain, bool) else str(plain)
