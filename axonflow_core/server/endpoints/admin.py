"""`POST /api/v1/reload`: the configuration file, read again."""

from __future__ import annotations

from axonflow_core.config import Fault
from axonflow_core.messages import Json
from axonflow_core.server.client_request import Answer, ClientRequest, json_answer, refusal
from axonflow_core.server.reloading import Author, Reload

MAX_TOLD = 100
"""How many faults an answer has; `faults_total` counts all."""


async def reload(request: ClientRequest) -> Answer:
    """Serve what the file says now. 422 with every fault where it is at fault; the generation that
    serves stays then."""
    reloading = request.service.reloading
    if reloading is None:
        return refusal(409, "this server reads no configuration file", code="no_file")
    caller = request.caller
    author = Author(who=f"client {caller.client}", tenant=caller.tenant, client=caller.client)
    return _answer(await reloading.reload(author))


def _answer(outcome: Reload) -> Answer:
    if not outcome.is_refused:
        return json_answer(
            {"success": True, "generation": outcome.generation, "changes": outcome.changes}
        )
    count = len(outcome.faults)
    message = (
        f"the configuration has {count} {'fault' if count == 1 else 'faults'}; "
        f"generation {outcome.generation} stays in force"
    )
    body: dict[str, Json] = {
        "success": False,
        "error": message,
        "message": message,
        "code": "config",
        "generation": outcome.generation,
        "faults": [_fault(fault) for fault in outcome.faults[:MAX_TOLD]],
        "faults_total": count,
    }
    return json_answer(body, 422)


def _fault(fault: Fault) -> dict[str, Json]:
    """A fault without its snippet: the line of a file may hold more than what is wrong in it."""
    return {
        "code": fault.code,
        "place": str(fault.place),
        "line": fault.line,
        "column": fault.column,
        "message": fault.message,
        "hint": fault.hint,
    }
