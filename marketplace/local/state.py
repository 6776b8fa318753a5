"""What a local market remembers between commands: its ports and its processes."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from marketplace.errors import ConfigurationError
from marketplace.local.network import answers, free_port
from marketplace.local.processes import ProcessRecord, alive, end

PREFERRED_PORTS = {
    "postgres": 5432,
    "milvus": 19530,
    "shop": 8090,
    "api": 8000,
    "mlflow": 5000,
    "code-server": 4000,
    "dagster": 3000,
}


class State(BaseModel):
    """Ports, processes and how far the market came."""

    ports: dict[str, int] = Field(default_factory=dict)
    sample: bool = True
    supervisor: ProcessRecord | None = None
    processes: dict[str, ProcessRecord] = Field(default_factory=dict)
    ready_at: datetime | None = None
    load_error: str = ""

    def is_running(self) -> bool:
        """Whether the supervisor lives."""
        return self.supervisor is not None and alive(self.supervisor) is not None

    def orphans(self) -> list[str]:
        """The names of recorded children that live, for when their supervisor does not."""
        return [name for name, record in self.processes.items() if alive(record)]

    def end_orphans(self) -> None:
        """End every recorded child that lives, the last started first."""
        for record in reversed(self.processes.values()):
            end(record)
        self.processes = {}


def load_state(path: Path) -> State:
    """The remembered state; an empty one where there is none yet.

    Raises
    ------
    ConfigurationError
        If the file is there but cannot be read.
    """
    try:
        return State.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return State()
    except ValidationError as error:
        raise ConfigurationError(f"{path} is damaged; end soko's processes and delete it") from error


def save_state(path: Path, state: State) -> None:
    """Write the state whole or not at all."""
    draft = path.with_suffix(".draft")
    draft.write_text(state.model_dump_json(indent=2))
    os.replace(draft, path)  # noqa: PTH105 - atomic, and the name says so


def choose_ports(remembered: dict[str, int]) -> dict[str, int]:
    """One free port per service: the remembered one, else the usual one, else any; never the same twice."""
    chosen: dict[str, int] = {}
    for name, usual in PREFERRED_PORTS.items():
        wishes = [remembered.get(name, usual), usual]
        free = [port for port in wishes if port not in chosen.values() and _is_free(port)]
        chosen[name] = free[0] if free else _any_port(set(chosen.values()) | set(PREFERRED_PORTS.values()))
    return chosen


def _is_free(port: int) -> bool:
    return not answers(port) and free_port(port) == port


def _any_port(taken: set[int]) -> int:
    while (port := free_port()) in taken:
        continue
    return port
