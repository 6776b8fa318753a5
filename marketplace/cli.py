"""The `soko` command: a market on this machine, its data, and its health."""

from __future__ import annotations

import os
import shlex
import subprocess
from datetime import UTC, datetime
from importlib import import_module
from typing import Annotated, Any, Literal

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from marketplace.errors import MarketplaceError
from marketplace.settings import Settings

# Where each command that needs more than the others is found, so that those do not load it.
LOADED_LATE = {
    "seller": ("marketplace.ingestion.commands", "seller_app"),
    "import": ("marketplace.imports.commands", "import_app"),
    "sync": ("marketplace.ingestion.sync_command", "sync_app"),
    "brake": ("marketplace.ingestion.steering", "brake_app"),
    "dead-letter": ("marketplace.ingestion.steering", "dead_letter_app"),
    "history": ("marketplace.ingestion.steering", "history_app"),
    "syncs": ("marketplace.ingestion.steering", "syncs_app"),
    "index": ("marketplace.index_command", "index_app"),
    "search": ("marketplace.search.commands", "search_app"),
    "model": ("orchestration.model_command", "model_app"),
    "experiment": ("marketplace.experiments.commands", "experiment_app"),
    "key": ("marketplace.crm.commands", "key_app"),
    "person": ("marketplace.crm.commands", "person_app"),
}
LEVEL_STYLES = {"ok": "green", "degraded": "yellow", "broken": "red"}


class Commands(TyperGroup):
    """Our commands, some of them loaded only when they are needed, and errors in one line."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Every command's name."""
        return [*super().list_commands(ctx), *LOADED_LATE]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, None if there is none."""
        if cmd_name not in LOADED_LATE:
            return super().get_command(ctx, cmd_name)
        module, name = LOADED_LATE[cmd_name]
        found = typer.main.get_command(getattr(import_module(module), name))
        found.name = cmd_name
        return found

    def invoke(self, ctx: Any) -> Any:
        """What the command returns; what we foresaw ends in one line and status 1."""
        errors = Console(stderr=True)
        try:
            return super().invoke(ctx)
        except MarketplaceError as error:
            errors.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        except ValidationError as error:
            for problem in error.errors():
                name = "_".join(str(part) for part in problem["loc"])
                errors.print(f"error: SOKO_{name.upper()}: {problem['msg']}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1)


app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, help="Soko: a marketplace in a box.")


@app.callback()
def prepare(context: typer.Context) -> None:
    """Soko: a marketplace in a box."""
    if context.invoked_subcommand in {*LOADED_LATE, "run", "migrate", "doctor", "rollback"}:
        _join_running_market()


@app.command()
def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once the market is complete.")] = False,
    sample: Annotated[bool, typer.Option(help="Load the sample market the first time.")] = True,
    reload: Annotated[bool, typer.Option(help="Restart the API when its code changes.")] = False,
) -> None:
    """Start every store and server of the market; Ctrl-C stops them all."""
    from marketplace.local.home import home_at
    from marketplace.local.up import run_detached, run_market

    settings = Settings()
    home = home_at(settings.home)
    if detach:
        options = ["--sample" if sample else "--no-sample", "--reload" if reload else "--no-reload"]
        raise typer.Exit(run_detached(home, Console(), options))
    raise typer.Exit(run_market(settings, home, Console(), sample=sample, reload=reload))


@app.command()
def down() -> None:
    """Stop a market that runs in the background, and what a killed one left behind."""
    _stop(Settings(), Console())


@app.command()
def status() -> None:
    """Show each service: port, process, memory, and whether it is well."""
    from marketplace.local.health import service_health
    from marketplace.local.home import home_at
    from marketplace.local.state import load_state

    settings = Settings()
    home = home_at(settings.home)
    state = load_state(home.state)
    found = service_health(settings, home, state)
    table = Table("service", "port", "pid", "memory", "state")
    for service in found:
        memory = f"{service.memory / 2**20:.0f} MB" if service.memory else ""
        style = "green" if service.is_healthy else "red"
        table.add_row(service.name, service.port, service.pid, memory, f"[{style}]{service.state}[/]")
    total = sum(service.memory for service in found) / 2**30
    if found:
        table.add_section()
        table.add_row("all", "", "", f"{total:.1f} GB", "")
    Console().print(table if found else "The market is not running; start it with: soko up")
    raise typer.Exit(0 if found and all(service.is_healthy for service in found) else 1)


@app.command()
def doctor() -> None:
    """Look at versions, machine, stores and models; say what is degraded and what to do."""
    from marketplace.local.doctor import examine
    from marketplace.local.home import home_at
    from marketplace.local.state import load_state

    settings = Settings()
    home = home_at(settings.home)
    console = Console()
    levels = set()
    for finding in examine(settings, home, load_state(home.state)):
        levels.add(finding.level)
        advice = f"\n{'':10}{'':24}-> {finding.remedy}" if finding.remedy else ""
        line = f"{finding.level:10}{finding.what:24}{finding.detail}{advice}"
        console.print(line, style=LEVEL_STYLES[finding.level], markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1 if "broken" in levels else 0)


@app.command()
def reset(yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Stop the market and delete everything it wrote."""
    from marketplace.local.home import home_at

    settings = Settings()
    home = home_at(settings.home)
    console = Console()
    if not home.folder.exists():
        console.print(f"nothing to delete at {home.folder}")
        return
    if not yes:
        typer.confirm(f"Delete {home.folder} with all products, events and models in it?", abort=True)
    if home.is_ours():
        _stop(settings, console)
    home.remove()
    console.print(f"deleted {home.folder}")


@app.command()
def run(
    job: Annotated[str, typer.Argument(help="A job of the graph, such as refresh_market or index_catalog.")],
) -> None:
    """Run a job of the asset graph to its end, without a server."""
    from marketplace.local.first_load import run_job
    from marketplace.local.home import home_at
    from marketplace.local.journal import Journal

    with Journal(Console()) as journal:
        raise typer.Exit(run_job(job, home_at(Settings().home), journal))


@app.command()
def migrate() -> None:
    """Bring the database's schema to the newest revision."""
    from marketplace.storage.warehouse import Warehouse

    warehouse = Warehouse(Settings().database_url.get_secret_value())
    warehouse.migrate()
    Console().print(f"{warehouse.where} is at the newest revision")
    warehouse.close()


@app.command()
def rollback(
    published: Annotated[Literal["index", "recommendations"], typer.Argument(help="What to take back by one version.")],
) -> None:
    """Serve the version before again; the newer one is kept in its place."""
    from marketplace.storage.index_state import go_back
    from marketplace.storage.publications import roll_back_recommendations
    from marketplace.storage.vectors import Vectors
    from marketplace.storage.warehouse import Warehouse

    settings, now = Settings(), datetime.now(UTC)
    warehouse = Warehouse(settings.database_url.get_secret_value())
    if published == "index":
        vectors = Vectors(settings.milvus_uri, settings.milvus_token.get_secret_value())
        served = go_back(warehouse, vectors, now=now)
    else:
        served = roll_back_recommendations(warehouse, now=now).version
    Console().print(f"{published}: {served} is served")
    warehouse.close()


@app.command()
def env() -> None:
    """Print the market's variables for a shell: eval "$(soko env)"."""
    for name, value in _environment().items():
        typer.echo(f"export {name}={shlex.quote(value)}")


@app.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def execute(command: Annotated[list[str], typer.Argument(help="A program and its arguments.")]) -> None:
    """Run a program with the market's variables, such as: soko exec dbt build --project-dir dbt_project."""
    raise typer.Exit(subprocess.run(command, env={**os.environ, **_environment()}, check=False).returncode)


def _environment() -> dict[str, str]:
    from marketplace.local.home import home_at
    from marketplace.local.services import market_environment
    from marketplace.local.state import PREFERRED_PORTS, load_state

    settings = Settings()
    home = home_at(settings.home)
    return market_environment(settings, home, {**PREFERRED_PORTS, **load_state(home.state).ports})


def _join_running_market() -> None:
    """Where a market runs, its addresses are this process's; settings that were given explicitly stay."""
    from marketplace.local.home import home_at
    from marketplace.local.state import load_state

    if load_state(home_at(Settings().home).state).is_running():
        os.environ.update(_environment())


def _stop(settings: Settings, console: Console) -> None:
    from marketplace.local.home import home_at
    from marketplace.local.journal import Journal
    from marketplace.local.up import stop_market

    with Journal(console) as journal:
        stopped = stop_market(home_at(settings.home), journal)
    console.print(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")


if __name__ == "__main__":
    app()
