"""What the body of a request asked, read again for the record that was made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from axonflow_core.audit.record import Entry, Kind
from axonflow_core.errors import RequestError
from axonflow_core.governance.caller import Caller
from axonflow_core.governance.trail import GovernedCall
from axonflow_core.messages import EMPTY
from axonflow_core.modes.decisions import Question
from axonflow_core.modes.gateway import question_of
from axonflow_core.modes.proxy import governed_call
from axonflow_core.server.fields import Fields, read_object
from axonflow_core.server.wire import decisions, gateway, policies
from axonflow_core.server.wire.proxy import proxy_request

Asked: TypeAlias = GovernedCall | Question


def asked_by(body: bytes, entry: Entry, caller: Caller) -> Asked:
    """What `body` asks, as the request that `entry` is the record of. `MalformedRequest` where it
    is none, `RequestError` where records of that kind are not of one request."""
    if entry.kind in _CALLS and entry.facts.get("mode") == "proxy":
        return governed_call(caller, proxy_request(read_object(body)))
    read = _QUESTIONS.get(entry.request_type or "") if entry.kind is Kind.CHECK else None
    if read is None:
        raise RequestError(
            f"the record {entry.id} is not of a request that can be given again",
            hint="calls of Proxy Mode can, and decide, pre-checks, checks of tools and trials; "
            "leave --request out",
        )
    return read(read_object(body))


_CALLS = (Kind.CALL, Kind.OPENED, Kind.INTERRUPTED)
_QUESTIONS: Mapping[str, Callable[[Fields], Question]] = {
    "pre_check": lambda fields: question_of(gateway.check(fields, EMPTY)),
    "decide": decisions.question,
    "check_input": decisions.input_question,
    "check_output": lambda fields: decisions.output(fields).question,
    "policy_test": policies.tried,
}
"""Kind of a check -> what a body of it asks."""
