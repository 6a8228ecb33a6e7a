"""`axonflow plan`: plans of a governed server, made, watched and looked after."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from axonflow_core.cli.groups import Group
from axonflow_core.cli.options import config_option, json_option
from axonflow_core.plans.terms import ExecutionMode

if TYPE_CHECKING:
    from axonflow_core.cli.plan_server import PlanServer

F = TypeVar("F", bound=Callable[..., Any])
_LOOK_S = 0.2
"""How often a plan is looked at while it runs."""
_GONE_S = 60.0
"""How long a server may be gone while a plan is watched: more than a start takes."""
MAKE = "make"
"""The command that is meant where none is named."""


class _Plans(Group):
    """A group that takes what names none of its commands as a question."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = [MAKE, *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Plans, short_help="Have agents of a server work on a question.")
def plan() -> None:
    """Multi-agent plans of a governed server.

    \b
    axonflow plan "Compare three ways to heat a house."
    axonflow plan --mode confirm "…"        wait for `axonflow plan approve ID`
    axonflow plan list

    Needs a server with `plans: {enabled: true}` (`axonflow serve`), at --url or AXONFLOW_URL. Who
    asks is --client or AXONFLOW_CLIENT_ID with AXONFLOW_CLIENT_SECRET, or what the configuration
    and the keys of the server say.
    """


def _of_server(command: F) -> F:
    """The options that say which server, and who asks."""
    for option in (
        json_option,
        config_option,
        click.option("--client", metavar="ID", help="The client that asks."),
        click.option("--url", help="The server. Default: http://127.0.0.1:8080."),
    ):
        command = option(command)
    return command


@plan.command(MAKE, short_help="Make a plan and run it.")
@click.argument("question")
@click.option("--domain", help="The domain, whose agents do the steps. Default: generic.")
@click.option(
    "--mode",
    type=click.Choice([str(mode) for mode in ExecutionMode]),
    help="How the steps follow each other. Default: as the server is configured.",
)
@click.option("--no-run", is_flag=True, help="Make the plan and print its id.")
@_of_server
def make(
    *, question: str, domain: str | None, mode: str | None, no_run: bool, **server: Any
) -> int:
    """Have a model divide QUESTION into steps, and agents do them. The steps are shown on stderr
    while they run; the answer goes to stdout.

    Exits with 1 where the plan fails, with 6 where it waits for somebody to agree.
    """
    from axonflow_core.cli.display import write_json, write_line
    from axonflow_core.errors import AxonFlowError

    is_json = server.pop("is_json")
    asked = _server(**server)
    made = asked.request("multi-agent-plan", question, domain=domain, execution_mode=mode)
    if not made["success"]:
        raise AxonFlowError(str(made.get("error") or made.get("block_reason")))
    if no_run:
        write_json(made["data"]) if is_json else write_line(made["plan_id"])
        return 0
    id = made["plan_id"]
    return _watch(asked, id, lambda: asked.request("execute-plan", plan_id=id), is_json=is_json)


@plan.command(short_help="Show how far a plan is.")
@click.argument("id")
@_of_server
def status(*, id: str, is_json: bool, **server: Any) -> int:
    """Show the plan ID: its steps, what they cost, what they said last."""
    return _show(_server(**server).plan(id), is_json=is_json)


@plan.command("list", short_help="List the newest plans.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True)
@_of_server
def list_plans(*, limit: int, is_json: bool, **server: Any) -> None:
    """List the newest plans of the client's tenant."""
    from axonflow_core.cli.display import write_json, write_table

    plans = _server(**server).ask("GET", f"/api/v1/plans?limit={limit}")["plans"]
    if is_json:
        write_json(plans)
        return
    columns = ("plan_id", "status", "domain", "execution_mode", "total_steps", "created_at")
    write_table(columns, [[str(each[column]) for column in columns] for each in plans])


@plan.command(short_help="Break a plan off.")
@click.argument("id")
@_of_server
def cancel(*, id: str, is_json: bool, **server: Any) -> int:
    """Break the plan ID off. Results that there are stay. Exits with 1 where it had ended
    otherwise."""
    from axonflow_core.cli.display import write_json, write_line
    from axonflow_core.cli.plan_server import path_of

    answer = _server(**server).ask("POST", f"{path_of(id)}/cancel", {})
    write_json(answer) if is_json else write_line(f"{id} is {answer['status']}")
    return 0 if answer["success"] else 1


@plan.command(short_help="Agree to what a plan waits for.")
@click.argument("id")
@_of_server
def approve(*, id: str, is_json: bool, **server: Any) -> int:
    """Agree to what the plan ID waits for, and watch it go on."""
    return _resume(_server(**server), id, approves=True, is_json=is_json)


@plan.command(short_help="Refuse what a plan waits for, which ends it.")
@click.argument("id")
@_of_server
def refuse(*, id: str, is_json: bool, **server: Any) -> int:
    """Refuse what the plan ID waits for. Results that there are stay."""
    return _resume(_server(**server), id, approves=False, is_json=is_json)


@plan.command(short_help="Have a plan go on that failed.")
@click.argument("id")
@_of_server
def resume(*, id: str, is_json: bool, **server: Any) -> int:
    """Have the plan ID go on with the steps that have no result, and watch it."""
    return _resume(_server(**server), id, approves=True, is_json=is_json)


def _server(*, url: str | None, client: str | None, path: Path | None) -> PlanServer:
    from axonflow_core.cli.extras import server_extra
    from axonflow_core.cli.plan_server import server_of

    with server_extra():
        return server_of(url, client, path)


def _resume(server: PlanServer, id: str, *, approves: bool, is_json: bool) -> int:
    from axonflow_core.cli.plan_server import path_of

    body = {"approved": approves}
    return _watch(
        server, id, lambda: server.ask("POST", f"{path_of(id)}/resume", body), is_json=is_json
    )


def _watch(server: PlanServer, id: str, begin: Callable[[], Any], *, is_json: bool) -> int:
    """Have a plan go on, and show how far it is until it is over or waits for somebody. Where there
    is no such plan, or no server now, nothing is begun."""
    from axonflow_core.cli.display import tell
    from axonflow_core.cli.plan_server import GONE

    server.plan(id)
    try:
        state = _followed(server, id, _Begun(begin), is_json=is_json)
    except (KeyboardInterrupt, *GONE):
        tell(f"the plan may go on without you: axonflow plan status {id}")
        raise
    return _show(state, is_json=is_json, is_watched=True)


def _followed(server: PlanServer, id: str, began: _Begun, *, is_json: bool) -> Mapping[str, Any]:
    """The plan once it is over or waits for somebody. It is followed beyond the end of the request
    that began it, and of the server: the plan goes on when that does."""
    from axonflow_core.cli.plan_tree import shown

    is_under_way = True
    with shown() as show:
        began.start()
        while is_under_way:
            is_asked = began.is_alive()
            state = _state(server, id)
            if not is_json:
                show(state)
            is_under_way = is_asked or (
                state["status"] == "executing" and (began.error is None or began.is_lost)
            )
            time.sleep(_LOOK_S)
    if began.error is not None and not (began.is_lost and state["status"] != "pending"):
        raise began.error
    return state


def _state(server: PlanServer, id: str) -> Mapping[str, Any]:
    """The plan as it stands, asked for until a server answers, or none did for too long."""
    from axonflow_core.cli.plan_server import GONE

    until = time.monotonic() + _GONE_S
    while True:
        try:
            state: Mapping[str, Any] = server.plan(id)
        except GONE:
            if time.monotonic() >= until:
                raise
            time.sleep(_LOOK_S)
        else:
            return state


class _Begun(threading.Thread):
    """The request that a plan goes on, which is answered at its end."""

    def __init__(self, begin: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._begin = begin
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._begin()
        except BaseException as error:
            self.error = error

    @property
    def is_lost(self) -> bool:
        """Whether the server did not answer: what was asked may be done."""
        from axonflow_core.cli.plan_server import GONE

        return isinstance(self.error, GONE)


def _show(state: Mapping[str, Any], *, is_json: bool, is_watched: bool = False) -> int:
    """Write what came of a plan. Returns the exit code."""
    from axonflow_core.cli.display import tell, write_json, write_text, write_tree
    from axonflow_core.cli.failure import CHECK_FAILED, INCOMPLETE, OK
    from axonflow_core.cli.plan_tree import tree

    if is_json:
        write_json(dict(state))
    elif not is_watched:
        write_tree(tree(state))
    if not is_json and (result := state.get("result")):
        write_text(f"{result}\n")
    match state["status"]:
        case "failed" | "cancelled":
            if not is_json:
                tell(f"{state['plan_id']} {state['status']}: {state.get('error', '')}")
            return CHECK_FAILED
        case "awaiting_approval":
            if not is_json:
                awaited = state["awaits_approval_of"]
                tell(f"{awaited} waits: axonflow plan approve {state['plan_id']}")
            return INCOMPLETE
    return OK
