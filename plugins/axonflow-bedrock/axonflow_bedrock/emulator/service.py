"""The handler behind the wire: a call in, the answer of a scripted model out, in the family's own JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import sha256

import orjson
from attrs import evolve, frozen

from axonflow_core.codec import CodecRegistry, FamilyCodec, ModelFacts, StreamContext
from axonflow_core.errors import DecodeError, RequestError
from axonflow_core.messages import Completion, CompletionRequest, Inference, Role

from ..endpoint import Answer, Call, Chunks, Fault, Operation, invalid_call
from ..envelope import EnvelopeEncoder, close_answer, headers_of
from ..model_id import parse_model_id
from .catalogue import Catalogue, unknown_model
from .faults import spoil
from .limits import check_limits
from .quotas import Quotas
from .script import Rule, Rules, Script
from .scripted import answer, input_tokens
from .streaming import batches_of

CREATED = 1_764_000_000
"""Seconds since 1970-01-01T00:00Z: when every answer was made, so that it is the same tomorrow."""


@frozen
class _Target:
    codec: FamilyCodec
    facts: ModelFacts


def context_of(call: Call, facts: ModelFacts) -> StreamContext:
    """Id and time of an answer: the same call has the same."""
    digest = sha256(f"{call.model}\n".encode() + orjson.dumps(call.body, option=orjson.OPT_SORT_KEYS))
    return StreamContext(id=f"emulated-{digest.hexdigest()[:24]}", model=facts.base_id, created=CREATED)


class EmulatedBedrock:
    """A handler for `bedrock_app`. Without a script it keeps nothing: calls do not know of each other.

    A script that spoils answers on the wire needs the app to be `faulty`.
    """

    def __init__(
        self,
        codecs: CodecRegistry,
        catalogue: Catalogue,
        *,
        context_of: Callable[[Call, ModelFacts], StreamContext] = context_of,
        chunk_pause_s: float = 0.0,
        script: Script = Script(),  # noqa: B008 - frozen
    ) -> None:
        self._codecs = codecs
        self._catalogue = catalogue
        self._context_of = context_of
        self._chunk_pause_s = chunk_pause_s
        self._rules = Rules(script.rules)
        self._quotas = Quotas(script.account)

    async def __call__(self, call: Call) -> Answer | Chunks:
        target = self._target(call.model)
        request = _read(target, call)
        rule = self._rules.take(_last_text(request))
        await asyncio.sleep(rule.delay_s)
        is_streamed = call.operation is Operation.INVOKE_STREAM
        if rule.error is not None and not (is_streamed and rule.error.after_chunks is not None):
            raise rule.error.fault()
        context = self._context_of(call, target.facts)
        completion = evolve(
            self._said(target, request, rule), id=context.id, model=context.model, created=context.created
        )
        if rule.wire_fault is not None:
            spoil(rule.wire_fault)
        if is_streamed:
            return self._chunks(target, context, completion, rule)
        return Answer(close_answer(target.codec, completion, target.facts), headers_of(completion))

    def _said(self, target: _Target, request: CompletionRequest, rule: Rule) -> Completion:
        """What the model says, within its limits and the account's."""
        family, base_id, asked = target.codec.family, target.facts.base_id, request.inference.max_tokens
        length = input_tokens(request)
        check_limits(family, base_id, input_tokens=length, max_tokens=asked)
        completion = answer(request, family, rule.answer)
        written = completion.usage.output_tokens or 0
        self._quotas.spend(base_id, asked=length + (written if asked is None else asked), used=length + written)
        return completion

    def _target(self, given: str) -> _Target:
        try:
            model_id = parse_model_id(given)
            if model_id.base_id is None:
                raise unknown_model()
            codec = self._codecs.for_base_id(model_id.base_id)
        except RequestError:
            raise unknown_model() from None
        self._catalogue.admit(model_id, codec.family)
        return _Target(codec, ModelFacts(model_id=given, base_id=model_id.base_id))

    async def _chunks(self, target: _Target, context: StreamContext, completion: Completion, rule: Rule) -> Chunks:
        encoder = EnvelopeEncoder(target.codec, context, target.facts)
        chunks = (chunk for batch in batches_of(completion) for chunk in encoder.encode(batch))
        for number, chunk in enumerate(chunks):
            if rule.error is not None and number == rule.error.after_chunks:
                break
            yield chunk
            await asyncio.sleep(self._chunk_pause_s)
        if rule.error is not None:  # behind the last chunk where the answer is shorter
            raise rule.error.fault()


def _last_text(request: CompletionRequest) -> str:
    texts = (message.text for message in reversed(request.messages) if message.role is Role.USER)
    return next(filter(None, texts), "")


def _read(target: _Target, call: Call) -> CompletionRequest:
    try:
        request = target.codec.decode_request(call.body, target.facts)
    except DecodeError as error:
        raise _malformed(error.message) from None
    _check(request.inference)
    return request


def _check(inference: Inference) -> None:
    """What a codec carries over as it is and a model would stumble over."""
    limit = inference.max_tokens
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 0):
        raise _malformed("the limit of tokens is no whole number")
    if not all(isinstance(stop, str) for stop in inference.stop_sequences):
        raise _malformed("a stop sequence is no string")


def _malformed(what: str) -> Fault:
    return invalid_call(f"Malformed input request: {what}, please reformat your input and try again.")
