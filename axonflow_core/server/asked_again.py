"""What a request asked, read again for the record that was made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from attrs import field

from axonflow_core.audit.record import Entry, Kind
from axonflow_core.endpoint.app import call_of
from axonflow_core.endpoint.ingress import Ingress
from axonflow_core.endpoint.refusals import Refusal
from axonflow_core.errors import RequestError
from axonflow_core.frozen import evolve, frozen
from axonflow_core.governance.caller import Caller
from axonflow_core.governance.trail import GovernedCall
from axonflow_core.http.asgi import ReceivedRequest
from axonflow_core.messages import EMPTY, hidden
from axonflow_core.modes import dialect
from axonflow_core.modes.decisions import Question
from axonflow_core.modes.gateway import question_of
from axonflow_core.modes.proxy import governed_call
from axonflow_core.server.client_request import USER_TOKEN
from axonflow_core.server.dialects import is_unmarked
from axonflow_core.server.fields import Fields, read_object
from axonflow_core.server.wire import decisions, gateway, policies
from axonflow_core.server.wire.handshake import as_declared
from axonflow_core.server.wire.proxy import proxy_request

Asked: TypeAlias = GovernedCall | Question


@frozen(kw_only=True)
class GivenAgain:
    """A request that was kept by whoever sent it."""

    body: bytes = hidden()
    headers: Mapping[str, str] = field(default=EMPTY, repr=False)
    """Names in lower case."""
    target: str | None = None
    """Path and query; of a drop-in endpoint they say whose dialect the body is."""


def asked_by(
    given: GivenAgain, entry: Entry, caller: Caller, ingresses: Sequence[Ingress] = ()
) -> Asked:
    """What a request asks, as the one that `entry` is the record of; `ingresses` are those of the
    dialects that were served. `MalformedRequest` where it is none, `RequestError` where records of
    that kind are not of one request, or its target is needed and not given."""
    mode = entry.facts.get("mode")
    if entry.kind in _CALLS and mode == "proxy":
        user = given.headers.get(USER_TOKEN)
        return governed_call(caller, proxy_request(read_object(given.body), user))
    if entry.kind in _CALLS and mode == dialect.MODE:
        return _in_dialect(given, caller, ingresses)
    read = _QUESTIONS.get(entry.request_type or "") if entry.kind is Kind.CHECK else None
    if read is None:
        raise RequestError(
            f"the record {entry.id} is not of a request that can be given again",
            hint="calls that the server made can, and decide, pre-checks, checks of tools and "
            "trials; leave --request out",
        )
    question = read(read_object(given.body), given.headers)
    return evolve(question, user=question.user or given.headers.get(USER_TOKEN))


def _in_dialect(given: GivenAgain, caller: Caller, ingresses: Sequence[Ingress]) -> GovernedCall:
    if given.target is None:
        raise RequestError(
            "the record is of a call in the dialect of a vendor, which its path tells",
            hint="name the path that it was sent to: --path /v1/messages",
        )
    path = given.target.partition("?")[0]
    found = [each for each in ingresses if each.wire.has_path(path)]
    if not found:
        raise RequestError(f"no dialect that is served has the path {path}")
    ingress = min(found, key=lambda each: is_unmarked(each.wire, given.headers))
    request = ReceivedRequest("POST", given.target, given.headers, given.body)
    try:
        operation, model = ingress.wire.addressed("POST", path)
        call = call_of(ingress.wire, operation, model, request, caller.client)
    except Refusal as refusal:
        raise RequestError(f"the request is refused there: {refusal.message}") from None
    return dialect.governed_call(caller, ingress.read(call))


_CALLS = (Kind.CALL, Kind.OPENED, Kind.INTERRUPTED)
_Read: TypeAlias = Callable[[Fields, Mapping[str, str]], Question]


def _declared(read: Callable[[Fields], Question]) -> _Read:
    """As `read`, for a client that may have declared what it can do."""
    return lambda fields, headers: as_declared(read(fields), headers)


_QUESTIONS: Mapping[str, _Read] = {
    "pre_check": lambda fields, headers: question_of(gateway.check(fields, headers)),
    "decide": _declared(decisions.question),
    "check_input": _declared(decisions.input_question),
    "check_output": lambda fields, headers: decisions.output(fields).question,
    "policy_test": lambda fields, headers: policies.tried(fields),
}
"""Kind of a check -> what a body of it asks."""
