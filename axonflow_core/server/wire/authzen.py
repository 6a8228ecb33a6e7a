"""AuthZEN's evaluation, `POST /api/v1/access/evaluation`, in the product's profile.

    {"evaluation": {subject, action, resource, context}}           one question
    {"evaluations": {…shared members…, "evaluations": [{…}, …]}}   preconditions of one operation

What is decided on is one text, `context.args.query`. A member that no decision could weigh is
refused by its JSON pointer and not passed over: whoever reads the decision would believe that it
was weighed. Several questions have one answer, that of the least permissive.

Whoever does not name the profile in the header gets the boolean alone, and never `true` with an
obligation that it cannot see. Source: `axonflow.authzen` and `authzen_types_gen` of SDK 9.5.0
(profile 2026-08-29).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from axonflow_core.errors import MalformedRequest
from axonflow_core.frozen import frozen
from axonflow_core.governance.caller import Caller
from axonflow_core.messages import Json
from axonflow_core.modes.decisions import Decided, Question
from axonflow_core.policy.rules import Action, Decision, Phase, Verdict
from axonflow_core.server.client_request import Answer, json_answer
from axonflow_core.server.fields import Fields, read_object
from axonflow_core.server.wire.matches import actions_of

PROFILE_HEADER = "x-axonflow-authzen-profile"
PROFILE = "axonflow-authzen-profile-2026-08-29"
SCHEMA_VERSION = "2026-08-29"
MAX_EVALUATIONS = 100
MAX_QUERY = 100_000
"""Characters of a query, which many evaluations may share."""
SUBJECTS = ("agent", "client", "gateway", "user")
RESOURCES: Mapping[str, str] = {"llm.completion": "llm", "tool.call": "tool"}
"""Action -> the type of resource that it is about."""
_MEMBERS = ("subject", "action", "resource", "context")


class Refusal(Exception):
    """The request is not evaluated, which is no denial. `pointer` names the member to change."""

    def __init__(
        self, code: str, message: str, pointer: str = "", supported: Iterable[str] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.pointer = pointer
        self.supported = tuple(supported)

    @property
    def answer(self) -> Answer:
        """The refusal as the SDK reads it."""
        body: dict[str, Json] = {
            "code": self.code,
            "message": str(self),
            "error": str(self),
            "pointer": self.pointer,
        }
        if self.supported:
            body["supported"] = list(self.supported)
        return json_answer(body, 400 if self.code == "malformed_envelope" else 422)


def questions(body: bytes, caller: Caller) -> tuple[Question, ...]:
    """What a body asks. `Refusal` names what keeps it from being evaluated."""
    try:
        return tuple(_question(*one, caller) for one in _evaluations(read_object(body)))
    except MalformedRequest as error:
        raise Refusal("malformed_envelope", error.message) from None


def _evaluations(envelope: Fields) -> list[tuple[Fields, str]]:
    """Each question with what it inherits, and the pointer to it."""
    _require_only(envelope, ("evaluation", "evaluations"), "", "malformed_envelope")
    if len(envelope.names) != 1:
        raise Refusal("malformed_envelope", "send either evaluation or evaluations")
    if "evaluation" in envelope.names:
        return [(envelope.object("evaluation"), "/evaluation")]
    shared = envelope.object("evaluations")
    _require_only(shared, (*_MEMBERS, "evaluations"), "/evaluations", "malformed_envelope")
    entries = list(shared.objects("evaluations"))
    if not 0 < len(entries) <= MAX_EVALUATIONS:
        message = f"evaluations takes 1 to {MAX_EVALUATIONS} entries"
        raise Refusal("malformed_envelope", message, "/evaluations/evaluations")
    return [
        (entry.over(shared, _MEMBERS), f"/evaluations/evaluations/{index}")
        for index, entry in enumerate(entries)
    ]


def _question(evaluation: Fields, at: str, caller: Caller) -> Question:
    _require_only(evaluation, _MEMBERS, at, "malformed_envelope")
    missing = [name for name in _MEMBERS[:3] if name not in evaluation]
    if missing:
        message = f"this evaluation has no {', '.join(missing)}"
        raise Refusal("incomplete_evaluation", message, at)
    subject, action, resource = map(evaluation.object, _MEMBERS[:3])
    for name, part, members in (
        ("subject", subject, ("type", "id")),
        ("action", action, ("name",)),
        ("resource", resource, ("type", "id")),
    ):
        _require_only(part, (*members, "properties"), f"{at}/{name}", "malformed_envelope")
        _require_only(part.object("properties"), (), f"{at}/{name}/properties")
    kind = _supported(action.text("name"), RESOURCES, "action", f"{at}/action/name")
    _supported(resource.text("type"), (RESOURCES[kind],), "resource", f"{at}/resource/type")
    return Question(
        request_type="access_evaluation",
        phase=Phase.REQUEST,
        texts={"query": _query(evaluation, at)},
        user=_subject(subject, at, caller),
        facts={"action": kind, "resource": resource.text("id")},
    )


def _subject(subject: Fields, at: str, caller: Caller) -> str:
    """On whose behalf is asked. A client cannot ask as another one."""
    type = _supported(subject.text("type"), SUBJECTS, "subject", f"{at}/subject/type")
    id = subject.text("id", default="").strip()
    if not id:
        raise Refusal("incomplete_evaluation", "the subject has no id", f"{at}/subject/id")
    if type == "client" and id != caller.client:
        message = f"the client {caller.client} cannot ask as another client"
        raise Refusal("unsupported_subject", message, f"{at}/subject/id")
    return f"{type}:{id}"


def _query(evaluation: Fields, at: str) -> str:
    context = evaluation.object("context")
    _require_only(context, ("args",), f"{at}/context")
    arguments = context.object("args")
    _require_only(arguments, ("query",), f"{at}/context/args")
    query = arguments.optional_text("query", most=MAX_QUERY)
    if query is None:
        message = "there is no context.args.query to decide on"
        raise Refusal("missing_evaluable_content", message, f"{at}/context/args/query")
    return query


def _supported(value: str, known: Iterable[str], what: str, pointer: str) -> str:
    if value not in known:
        message = f"this {what} is not evaluated here"
        raise Refusal(f"unsupported_{what}", message, pointer, known)
    return value


def _require_only(
    fields: Fields, known: Sequence[str], at: str, code: str = "unevaluable_attribute"
) -> None:
    """`Refusal` for a member that has no meaning here."""
    for name in fields.names - set(known):
        escaped = name[:128].replace("~", "~0").replace("/", "~1")
        raise Refusal(code, "this member is not weighed here", f"{at}/{escaped}")


# ── the answer ────────────────────────────────────────────────────────────────────────────────────


@frozen
class _State:
    """A verdict in the words of the profile."""

    state: str
    category: str
    reason: str


_STATES: Mapping[Verdict, _State] = {
    Verdict.ALLOWED: _State("ALLOW", "allowed", "permitted"),
    Verdict.REDACTED: _State("ALLOW", "allowed", "permitted"),
    Verdict.NEEDS_APPROVAL: _State("CHALLENGE", "approval_required", "approval_required"),
    Verdict.BLOCKED: _State("DENY", "not_permitted", "explicit_constraint"),
    Verdict.ERROR: _State("ERROR", "temporarily_unavailable", "evaluation_error"),
}
_PERMISSIVE = tuple(_STATES)
"""The verdicts, the most permissive first."""


def evaluation_answer(decided: Sequence[Decided], headers: Mapping[str, str]) -> Answer:
    """The answer of the least permissive of the decisions."""
    deciding = max(decided, key=lambda each: _PERMISSIVE.index(each.decision.verdict))
    verdict = deciding.decision.verdict
    if headers.get(PROFILE_HEADER) != PROFILE:
        return json_answer({"decision": verdict is Verdict.ALLOWED})
    told = _STATES[verdict]
    context: dict[str, Json] = {
        "profile": PROFILE,
        "state": told.state,
        "category": told.category,
        "reason": told.reason,
        "decision_id": deciding.id,
        "schema_version": SCHEMA_VERSION,
    }
    if verdict is Verdict.REDACTED:
        context["obligations"] = _obligations(decided)
    return json_answer({"decision": told.state == "ALLOW", "context": context})


def _obligations(decided: Iterable[Decided]) -> list[Json]:
    """What has to be done before the operation: one for each rule that found something."""
    redacted = (each.decision for each in decided if each.decision.verdict is Verdict.REDACTED)
    return [
        {
            "type": "field_redact",
            "target": "/context/args/query",
            "mandatory": True,
            "source_policy": rule,
            "schema_version": 1,
        }
        for rule in dict.fromkeys(rule for decision in redacted for rule in _redacting(decision))
    ]


def _redacting(decision: Decision) -> list[str]:
    return [rule for rule, action in actions_of(decision).items() if action is Action.REDACT]
