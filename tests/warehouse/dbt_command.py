"""The dbt command line as an operator runs it, over one database, writing only into a scratch folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"


@dataclass(frozen=True, slots=True)
class Dbt:
    """dbt over `database_url`; its artifacts land in `target`."""

    database_url: str
    target: Path

    def __call__(self, *arguments: str) -> str:
        """What the command printed; fails the test when dbt fails."""
        done = self.attempt(*arguments)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        return done.stdout

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The finished command, whether it failed or not."""
        dbt = str(Path(sys.executable).with_name("dbt"))
        where = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
        return subprocess.run(
            [dbt, "--no-use-colors", *arguments, *where],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def environment(self) -> dict[str, str]:
        """The variables that the profile reads, over those of this process."""
        url = make_url(self.database_url)
        profile = {"HOST": url.host, "PORT": str(url.port), "USER": url.username, "DBNAME": url.database}
        folders = {"DBT_TARGET_PATH": str(self.target), "DBT_LOG_PATH": str(self.target / "logs")}
        named = {f"SOKO_DBT_{name}": str(value) for name, value in profile.items()}
        return {**os.environ, **named, **folders, "SOKO_DBT_PASSWORD": url.password or "", "DO_NOT_TRACK": "1"}

    def artifact(self, name: str) -> dict[str, Any]:
        """One of the JSON files that the last command left."""
        found: dict[str, Any] = json.loads((self.target / name).read_text())
        return found

    def results(self) -> dict[str, str]:
        """The status of every node of the last command, by the node's name."""
        return {
            result["unique_id"].split(".")[2]: result["status"]
            for result in self.artifact("run_results.json")["results"]
        }
