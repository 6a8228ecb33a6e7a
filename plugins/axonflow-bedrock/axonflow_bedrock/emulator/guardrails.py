"""The guardrails of the emulated account: which text they block or mask, and how Bedrock reports it
in the JSON of each family.

    request    names a guardrail and a version by headers (Converse: by `guardrailConfig`);
               without them nothing is checked
    input      a match is answered with the guardrail's own message, without calling the model
    answer     a match replaces it by that message, or masks the matched text
    body       `amazon-bedrock-guardrailAction`, and `amazon-bedrock-trace` when it is asked for

Theory of operation. Three steps. `asked_of` reads which guardrail a call names and reports half a
configuration as Bedrock does. `Guardrails.for_request` gives a function that wraps the model: it
checks the input, calls the model, checks the answer, and returns a completion in neutral form with
a `Guardrail` on it. `answer_of` and `chunks_of` write that in the family's JSON.

The last step is the hard one, since a blocked answer differs by family in ways that no document
describes; they were read off recorded traffic and are the table at `_WITHOUT_REASON`. Invariant: no
family's codec is involved in these differences. They are applied before encoding (`_canned`) or
after it (`_as_rewritten`), so what the emulator sends is also a test of the real decoder.

In the asynchronous mode of a stream the text is delivered before it is checked: the action is
INTERVENED and the text stands.

Source: AWS user guide, "Use guardrails with InvokeModel"; recorded traffic of Titan, Llama, Nova
and Claude with guardrails; API reference of InvokeModel, November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any, TypeAlias

from axonflow_core.codec import FamilyCodec, StreamContext
from axonflow_core.emulator.fake_model import tokens
from axonflow_core.emulator.streaming import batches_of
from axonflow_core.endpoint.conversation import Conversation
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import (
    EMPTY,
    Completion,
    CompletionRequest,
    Guardrail,
    Json,
    StopReason,
    Text,
    Usage,
    joined_text,
)
from axonflow_core.stream import (
    Batch,
    Ended,
    GuardrailUpdate,
    Started,
    Stopped,
    TextDelta,
    UsageUpdate,
)

from ..wire.endpoint import Call, NativeAnswer, ServiceException, invalid_call
from ..wire.envelope import GUARDRAIL_ID
from ..wire.surfaces import CONVERSE_CODECS
from .cache_counts import reported_headers
from .script import AccountGuardrail

Guarding: TypeAlias = Callable[[CompletionRequest, Callable[[], Completion]], Completion]
"""Request and how it is answered -> what the caller gets."""
Report: TypeAlias = Callable[[str, Mapping[str, Json], str], Json]
"""Id of a guardrail, what was found in `input` and `outputs`, and the reason -> the trace."""

IDENTIFIER = "x-amzn-bedrock-guardrailidentifier"
VERSION = "x-amzn-bedrock-guardrailversion"
TRACE = "x-amzn-bedrock-trace"
CONFIG = "amazon-bedrock-guardrailConfig"

_IDENTIFIERS = re.compile(
    r"[a-z0-9]+|arn:aws(?:-[^:]+)?:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/[a-z0-9]+"
)


# ── what a request asks for ───────────────────────────────────────────────────────────────────────


@frozen(kw_only=True)
class Asked:
    """The guardrail that a request names."""

    identifier: str
    version: str
    has_trace: bool = False
    tag_suffix: str | None = None
    """Only text between tags with this suffix is looked at, where there is any."""
    is_asynchronous: bool = False
    """A stream does not wait for the guardrail: text is delivered before it is judged."""
    report: Report
    """How the surface words what was found."""


def asked_of(call: Call) -> Asked | None:
    """What a call asks for, None for no guardrail. `ServiceException` for half a
    guardrail."""
    return (
        _asked_by_body(call)
        if call.operation.surface == CONVERSE_CODECS
        else _asked_by_headers(call)
    )


def _asked_by_body(call: Call) -> Asked | None:
    """Converse has a member for it. Without identifier and version it is no guardrail."""
    config = call.json.get("guardrailConfig") if isinstance(call.json, dict) else None
    if not isinstance(config, dict) or not config.get("guardrailIdentifier"):
        return None
    return _asked(
        str(config["guardrailIdentifier"]),
        config.get("guardrailVersion"),
        has_trace=str(config.get("trace", "")).startswith("enabled"),
        is_asynchronous=config.get("streamProcessingMode") == "async",
        report=_converse_report,
    )


def _asked_by_headers(call: Call) -> Asked | None:
    """InvokeModel names the guardrail in headers; the body may hold
    `{"amazon-bedrock-guardrailConfig": {"tagSuffix": "xyz", "streamProcessingMode":
    "ASYNCHRONOUS"}}`, which is refused without them."""
    identifier = call.headers.get(IDENTIFIER)
    config = call.json.get(CONFIG) if isinstance(call.json, dict) else None
    if not identifier:
        if config is not None:
            raise invalid_call(
                f"{CONFIG} is in the request body, and the request has no guardrail identifier."
            )
        return None
    if not call.headers.get("content-type", "application/json").startswith("application/json"):
        raise invalid_call("The content type must be application/json when a guardrail is used.")
    settings = config if isinstance(config, dict) else {}
    return _asked(
        identifier,
        call.headers.get(VERSION),
        has_trace=call.headers.get(TRACE, "").upper().startswith("ENABLED"),
        tag_suffix=str(settings["tagSuffix"]) if "tagSuffix" in settings else None,
        is_asynchronous=settings.get("streamProcessingMode") == "ASYNCHRONOUS",
        report=_invoke_report,
    )


def _asked(identifier: str, version: Json, **more: Any) -> Asked:
    """The guardrail by its id, without the rest of an ARN. `ServiceException` for a missing version
    or a malformed identifier."""
    if not version:
        raise invalid_call("The request has a guardrail identifier and no guardrail version.")
    if not isinstance(version, str):
        raise invalid_call("The provided guardrail version is invalid.")
    if not _IDENTIFIERS.fullmatch(identifier):
        raise invalid_call("The provided guardrail identifier is invalid.")
    return Asked(identifier=identifier.rpartition("/")[2], version=version, **more)


def without_config(call: Call) -> Call:
    """The call with the family's own body alone."""
    if not isinstance(call.json, dict) or CONFIG not in call.json:
        return call
    return evolve(call, json={key: value for key, value in call.json.items() if key != CONFIG})


# ── what it does ──────────────────────────────────────────────────────────────────────────────────


def unguarded(request: CompletionRequest, answered: Callable[[], Completion]) -> Completion:
    """The answer without a guardrail."""
    return answered()


class Guardrails:
    """The guardrails of an account."""

    def __init__(self, guardrails: Iterable[AccountGuardrail]) -> None:
        self._guardrails = {
            (guardrail.id, guardrail.version): guardrail for guardrail in guardrails
        }

    def for_request(self, asked: Asked | None) -> Guarding:
        """How the request that asked is guarded. `ServiceException` when the
        account has no such guardrail."""
        if asked is None:
            return unguarded
        guardrail = self._guardrails.get((asked.identifier, asked.version))
        if guardrail is None:
            raise _no_such_guardrail()
        return partial(_guarded, guardrail, asked)


def _no_such_guardrail() -> ServiceException:
    return invalid_call(
        "The guardrail identifier or version provided in the request does not exist."
    )


def _guarded(
    guardrail: AccountGuardrail,
    asked: Asked,
    request: CompletionRequest,
    answered: Callable[[], Completion],
) -> Completion:
    """Input, model, answer: the first match decides. Blocked input does not reach the model."""
    text = _looked_at(request, asked.tag_suffix)
    judgement = _Judgement(guardrail, asked, len(text))
    if hit := _found(guardrail.blocks, text):
        return judgement.blocked(request, {"input": _blocking(hit)})
    completion = answered()
    answer = joined_text(completion.content)
    if hit := _found(guardrail.blocks_answer, answer):
        # The text has been delivered by then; all that is left is to report what was found in it.
        if asked.is_asynchronous:
            return judgement.reported(completion, "INTERVENED", {"outputs": _blocking(hit)})
        return judgement.blocked(request, {"outputs": _blocking(hit)})
    if hit := _found(guardrail.masks, answer):
        content = tuple(
            Text(re.sub(guardrail.masks or "", guardrail.mask, block.text))
            if isinstance(block, Text)
            else block
            for block in completion.content
        )
        masked = evolve(completion, content=content)
        return judgement.reported(masked, "INTERVENED", {"outputs": _masking(guardrail, hit)})
    return judgement.reported(completion, "NONE", {})


def _looked_at(request: CompletionRequest, tag_suffix: str | None) -> str:
    """The text that is checked: between tags `<amazon-bedrock-guardrails-guardContent_SUFFIX>`
    where the request names a suffix and there are any, else all of it."""
    text = "\n".join(message.text for message in request.messages)
    if tag_suffix is None:
        return text
    tag = f"amazon-bedrock-guardrails-guardContent_{re.escape(tag_suffix)}"
    tagged = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    # A suffix without tags guards everything: a prompt must not escape by leaving the tags out.
    return "\n".join(tagged) if tagged else text


def _found(pattern: str | None, text: str) -> str | None:
    match = re.search(pattern, text) if pattern else None
    return match[0] if match else None


def _blocking(hit: str) -> Json:
    """The report on a blocked word, as a custom word of the word policy."""
    return {"wordPolicy": {"customWords": [{"match": hit, "action": "BLOCKED", "detected": True}]}}


def _masking(guardrail: AccountGuardrail, hit: str) -> Json:
    """The report on masked text, as a regular expression of the policy for sensitive
    information."""
    named = {"name": guardrail.mask.strip("{}"), "regex": guardrail.masks}
    return {
        "sensitiveInformationPolicy": {"regexes": [{**named, "match": hit, "action": "ANONYMIZED"}]}
    }


@frozen
class _Judgement:
    guardrail: AccountGuardrail
    asked: Asked
    characters: int
    """How much of the request was looked at."""

    def blocked(self, request: CompletionRequest, found: Mapping[str, Json]) -> Completion:
        """The guardrail's own message in place of the answer, with the counts of request and
        message."""
        message = self.guardrail.message
        counted = len(tokens("\n".join(one.text for one in request.messages)))
        canned = Completion(
            (Text(message),), StopReason.GUARDRAIL, Usage(counted, len(tokens(message)))
        )
        return self.reported(canned, "INTERVENED", found)

    def reported(
        self, completion: Completion, action: str, found: Mapping[str, Json]
    ) -> Completion:
        trace = self._trace(action, found) if self.asked.has_trace else None
        return evolve(completion, guardrail=Guardrail(action, trace))

    def _trace(self, action: str, found: Mapping[str, Json]) -> Json:
        """The report of one call. The latency of 200 ms is a constant, so that answers are
        reproducible."""
        covered = {"textCharacters": {"guarded": self.characters, "total": self.characters}}
        metrics = {
            "invocationMetrics": {"guardrailProcessingLatency": 200, "guardrailCoverage": covered}
        }
        assessed = {
            side: {**policies, **metrics} for side, policies in {"input": {}, **found}.items()
        }
        reason = {"NONE": "No action.", "INTERVENED": "Guardrail blocked."}[action]
        return self.asked.report(self.guardrail.id, assessed, reason)


def _invoke_report(id: str, assessed: Mapping[str, Json], reason: str) -> Json:
    """`{"guardrail": {"input": {id: {…}}, "outputs": [{id: {…}}], "actionReason": "…"}}`."""
    outputs = {"outputs": [{id: assessed["outputs"]}]} if "outputs" in assessed else {}
    return {"guardrail": {"input": {id: assessed["input"]}, **outputs, "actionReason": reason}}


def _converse_report(id: str, assessed: Mapping[str, Json], reason: str) -> Json:
    """`{"inputAssessment": {id: {…}}, "outputAssessments": {id: [{…}]}, "actionReason": "…"}`."""
    outputs = {"outputAssessments": {id: [assessed["outputs"]]}} if "outputs" in assessed else {}
    return {"inputAssessment": {id: assessed["input"]}, **outputs, "actionReason": reason}


# ── how it is encoded ─────────────────────────────────────────────────────────────────────────────
# A guardrail's own message is in the family's JSON, and each family's has its peculiarities
# (recorded):
#
#   all      an id of Bedrock's own, where there is one; no counts in headers or metrics
#   Claude   `end_turn` and no tokens
#   Titan    counts and no reason, in one chunk; whole numbers become floats and nulls vanish, in
#            guarded answers too
#   Llama    the text alone, in one chunk
#   Nova     the message alone

_WITHOUT_REASON = frozenset({"titan", "llama", "nova"})
_USAGE: Mapping[str, Usage | None] = {"anthropic": Usage(0, 0), "titan": None}
"""What is counted; None: the words. Every other family counts nothing."""
_ONE_CHUNK = frozenset({"titan", "llama"})
_ACTION_EVERYWHERE = frozenset({"titan", "nova"})
"""The families whose every text chunk tells the action, and not the last alone."""
_REWRITTEN = frozenset({"titan"})


def answer_of(conversation: Conversation, completion: Completion) -> NativeAnswer:
    """The whole answer, guarded or not."""
    codec, base_id = conversation.codec, conversation.facts.base_id
    is_blocked = completion.stop_reason is StopReason.GUARDRAIL
    is_guarded = completion.guardrail is not None
    native = conversation.answer(
        _canned(codec, completion) if is_guarded and is_blocked else completion
    )
    headers = EMPTY if is_guarded and is_blocked else reported_headers(native.headers, base_id)
    body = _as_rewritten(codec.family, native.body) if is_guarded else native.body
    return NativeAnswer(body, headers)


def chunks_of(
    conversation: Conversation, context: StreamContext, completion: Completion
) -> Iterator[Mapping[str, Json]]:
    """The chunks of a streamed answer, guarded or not."""
    codec, encoder = conversation.codec, conversation.encoder(context)
    batches = _batches_of(codec, completion)
    is_whole = not conversation.is_in_pieces
    for batch in [tuple(chain.from_iterable(batches))] if is_whole else batches:
        for chunk in encoder.encode(batch):
            yield _as_rewritten(codec.family, chunk) if completion.guardrail else chunk


def _batches_of(codec: FamilyCodec, completion: Completion) -> Iterator[Batch]:
    guardrail = completion.guardrail
    if guardrail is None:
        yield from batches_of(completion)
    elif completion.stop_reason is not StopReason.GUARDRAIL:
        yield from _reported_batches(codec.family, completion, guardrail)
    elif codec.surface == CONVERSE_CODECS:
        yield from _reported_batches(codec.family, _canned(codec, completion), guardrail)
    else:
        yield from _canned_batches(codec.family, _canned(codec, completion), guardrail)


def _reported_batches(family: str, completion: Completion, guardrail: Guardrail) -> Iterator[Batch]:
    reported = GuardrailUpdate(Guardrail(guardrail.action))
    for batch in batches_of(completion):
        if isinstance(batch[-1], Ended):
            yield (*batch[:-1], GuardrailUpdate(guardrail), batch[-1])
        elif family in _ACTION_EVERYWHERE and isinstance(batch[0], TextDelta):
            yield (*batch, reported)
        else:
            yield batch


def _canned_batches(family: str, completion: Completion, guardrail: Guardrail) -> Iterator[Batch]:
    """The guardrail's own message as a stream. Titan and Llama send all of it in one chunk."""
    text = TextDelta(joined_text(completion.content), 0)
    last = (GuardrailUpdate(guardrail), Ended())
    if family in _ONE_CHUNK:
        yield (text, UsageUpdate(completion.usage), *last)
        return
    yield (
        Started(completion.id, completion.model, completion.created),
        UsageUpdate(completion.usage),
    )
    yield (text,)
    yield last if completion.stop_reason is None else (Stopped(completion.stop_reason), *last)


def _canned(codec: FamilyCodec, completion: Completion) -> Completion:
    """The guardrail's own message as the family has it. Converse has a reason to stop for it."""
    if codec.surface == CONVERSE_CODECS:
        return evolve(completion, usage=Usage(0, 0))
    return evolve(
        completion,
        id=f"{GUARDRAIL_ID}{completion.id}",
        stop_reason=None if codec.family in _WITHOUT_REASON else StopReason.END_TURN,
        usage=_USAGE.get(codec.family, Usage()) or completion.usage,
    )


def _as_rewritten(family: str, native: Mapping[str, Json]) -> Mapping[str, Json]:
    return _rewritten(native) if family in _REWRITTEN else native


def _rewritten(native: Mapping[str, Json]) -> Mapping[str, Json]:
    """Nulls removed and integers as floats (`"index": 0.0`), as recorded of Titan with a
    guardrail."""
    return {key: _float_of(value) for key, value in native.items() if value is not None}


def _float_of(value: Json) -> Json:
    if isinstance(value, list):
        return [_rewritten(item) for item in value]
    return float(value) if type(value) is int else value
