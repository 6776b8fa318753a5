"""How each service of a running market is."""

from __future__ import annotations

from dataclasses import dataclass, replace

from marketplace.local.home import Home
from marketplace.local.processes import ProcessRecord, alive, memory_of
from marketplace.local.services import plan_services
from marketplace.local.state import State
from marketplace.local.supervisor import Service
from marketplace.settings import Settings


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """One service as a person sees it."""

    name: str
    port: str
    pid: str
    memory: int
    state: str
    is_healthy: bool


def service_health(settings: Settings, home: Home, state: State) -> list[ServiceHealth]:
    """One entry per service that should run, and one for the supervisor; empty if no market was started."""
    if state.supervisor is None:
        return []
    services = plan_services(settings, home, state.ports).services
    tasks = [name for name in state.processes if name not in services]
    children = [
        *(_judge(name, service, state.processes.get(name), "healthy") for name, service in services.items()),
        *(_judge(name, None, state.processes[name], "at work") for name in tasks),
    ]
    family = _judge("supervisor", None, state.supervisor, "supervising")
    own = max(0, family.memory - sum(child.memory for child in children))  # its descendants are counted below it
    return [replace(family, memory=own), *children]


def _judge(name: str, service: Service | None, record: ProcessRecord | None, well: str) -> ServiceHealth:
    port = str(service.port) if service and service.port else ""
    if record is None:
        return ServiceHealth(name, port, "", 0, "not started", False)
    history = f" (restarted {record.restarts} times; last: {record.last_exit})" if record.restarts else ""
    if alive(record) is None:
        return ServiceHealth(name, port, "", 0, f"not running{history}", False)
    answers = service is None or service.is_ready()
    state = well if answers else "does not answer"
    return ServiceHealth(name, port, str(record.pid), memory_of(record), state + history, answers)
