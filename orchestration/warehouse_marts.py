"""The dbt project as Dagster sees it: where it lies, how it is parsed, how its models are named and grouped."""

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliResource, DbtProject
from sqlalchemy.engine import make_url

from marketplace.errors import ConfigurationError

FOLDER = Path(__file__).resolve().parents[1] / "dbt_project"


class MartsTranslator(DagsterDbtTranslator):  # type: ignore[misc] # dagster-dbt has no types
    """A dbt model's key is its name, its group the layer it belongs to."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """The key that the source names, or the name alone."""
        named = (dbt_resource_props.get("meta") or {}).get("dagster", {}).get("asset_key")
        named = named or (dbt_resource_props.get("config", {}).get("meta") or {}).get("dagster", {}).get("asset_key")
        return dg.AssetKey(named or dbt_resource_props["name"])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The folder below `models`: staging, intermediate or marts."""
        path = Path(dbt_resource_props["original_file_path"]).parts
        return path[1] if path[0] == "models" else "seeds"

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        """Analytics looks after every dbt model."""
        return ["team:analytics"]


def project() -> DbtProject:
    """The dbt project, parsed anew when a file is younger than its manifest; by one process if many start at once."""
    found = DbtProject(project_dir=FOLDER, profiles_dir=FOLDER)
    manifest = found.manifest_path
    if _is_stale(manifest):
        manifest.parent.mkdir(exist_ok=True)
        with (manifest.parent / "parsing.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if _is_stale(manifest):
                _parse(manifest)
    return found


def dbt_resource(database_url: str) -> DbtCliResource:
    """The dbt command line over our project and this database, whose address dbt reads from the environment."""
    os.environ.update(dbt_environment(database_url))
    return DbtCliResource(
        project_dir=str(FOLDER),
        profiles_dir=str(FOLDER),
        dbt_executable=_dbt(),
        global_config_flags=["--no-use-colors"],
    )


def dbt_environment(database_url: str) -> dict[str, str]:
    """The variables that `profiles.yml` reads."""
    url = make_url(database_url)
    return {
        "SOKO_DBT_HOST": url.host or "127.0.0.1",
        "SOKO_DBT_PORT": str(url.port or 5432),
        "SOKO_DBT_USER": url.username or "postgres",
        "SOKO_DBT_PASSWORD": str(url.password or ""),
        "SOKO_DBT_DBNAME": url.database or "soko",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }


def _dbt() -> str:
    return str(Path(sys.executable).with_name("dbt"))


def _parse(manifest: Path) -> None:
    """Write the manifest in one move, so that who reads it meanwhile never finds half of it."""
    with tempfile.TemporaryDirectory(prefix="parsing-", dir=manifest.parent) as folder:
        whole = "--no-partial-parse"  # a partial one drops what `_tests.yml` says of singular tests, and their checks
        where = ["--project-dir", str(FOLDER), "--profiles-dir", str(FOLDER), "--target-path", folder]
        command = [_dbt(), "--no-use-colors", whole, "parse", *where]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ConfigurationError(f"dbt cannot parse {FOLDER}: {done.stdout.strip()[-800:]}")
        for name in ("partial_parse.msgpack", manifest.name):
            (Path(folder) / name).replace(manifest.with_name(name))


def _is_stale(manifest: Path) -> bool:
    if not manifest.exists():
        return True
    written = manifest.stat().st_mtime
    sources = (path for path in FOLDER.rglob("*") if path.suffix in {".sql", ".yml", ".csv", ".md"})
    return any(path.stat().st_mtime > written for path in sources if "target" not in path.parts)
