"""The emulator's handler: who is admitted, and what a scripted model answers. Reading a call and
writing its answer is `wire.conversation`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from axonflow_core.codec import FamilyCodec, Feature, ModelFacts, StreamContext
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.emulator import service as of_core
from axonflow_core.emulator.fake_model import (
    answer,
    input_tokens,
    refuse_odd_inference,
    text_bytes,
)
from axonflow_core.emulator.faults import inject_fault
from axonflow_core.emulator.script import Rule, Rules, apply_rule, heard_in
from axonflow_core.emulator.streaming import paced
from axonflow_core.endpoint.conversation import Conversation
from axonflow_core.errors import MalformedRequest, RequestError, UndetectedFamily
from axonflow_core.fitting.answers import Client
from axonflow_core.frozen import evolve
from axonflow_core.messages import Completion, TokenCount

from ..models.model_id import Kind, ModelId, parse_model_id, vendors_of
from ..wire.conversation import codec_for, read_call, read_count
from ..wire.endpoint import Call, Chunks, NativeAnswer, invalid_call, malformed
from ..wire.operations import COUNT_TOKENS
from ..wire.surfaces import INVOKE_CODECS
from .cache_counts import with_cache_counts
from .catalogue import Catalogue, admit_to_converse, uncountable, unknown_model
from .gates import pass_gate
from .guardrails import Guardrails, answer_of, asked_of, chunks_of, without_config
from .limits import check_limits
from .quotas import quotas_of
from .refused import refuse
from .script import Script, exception_of
from .unary import EmulatedUnary


def context_of(call: Call, facts: ModelFacts) -> StreamContext:
    """Id and time of an answer: the same call has the same."""
    context = of_core.context_of(call)
    return evolve(context, id=f"emulated-{context.id}", model=facts.base_id or facts.model_id)


def _call_id(number: int) -> str:
    """An id of the length of Bedrock's: `tooluse_` and 22 characters."""
    return f"tooluse_emulated{number:014}"


class EmulatedBedrock:
    """A handler for `bedrock_app`. Without a script it keeps no state between calls.

    A script that spoils answers on the wire needs the app to be wrapped in `with_faults`.
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
        self._vendors = vendors_of(codecs)
        self._catalogue = catalogue
        self._context_of = context_of
        self._chunk_pause_s = chunk_pause_s
        self._rules = Rules(script)
        self._quotas = quotas_of(script.account)
        self._guardrails = Guardrails(script.account.guardrails)
        self._unary = EmulatedUnary(codecs, catalogue, self._rules, self._quotas, context_of)

    async def __call__(self, call: Call) -> NativeAnswer | Chunks:
        model_id = self._model_id(call.model)
        if call.operation is COUNT_TOKENS:
            return await self._counted(call, model_id)
        unary = await self._unary.answer(call, model_id)
        return await self._completed(call, model_id) if unary is None else unary

    async def _counted(self, call: Call, model_id: ModelId) -> NativeAnswer:
        self._catalogue.admit_count(model_id, self._family_of(model_id))
        facts = ModelFacts(model_id=call.model, base_id=model_id.base_id or "")
        try:
            counting = read_count(call, self._codecs, facts)
        except UndetectedFamily:
            raise uncountable() from None
        except MalformedRequest as error:
            raise malformed(error.message) from None
        await apply_rule(self._rules.take(heard_in(counting.request)), exception_of)
        return counting.answer(TokenCount(input_tokens(counting.request)))

    async def _completed(self, call: Call, model_id: ModelId) -> NativeAnswer | Chunks:
        family, codec, facts = self._admitted(call, model_id)
        # Before the body is read: a guardrail that does not exist refuses any body.
        guarding = self._guardrails.for_request(asked_of(call))
        conversation = _read(without_config(call), codec, facts)
        request = conversation.request
        # After `_read`, so that a body that the schema refuses uses up no match of a rule.
        rule = self._rules.take(heard_in(request))
        await asyncio.sleep(rule.delay_s)
        _refuse(conversation)
        is_streamed = conversation.is_streamed
        # An error in mid-stream is raised by `paced`; a whole answer has no middle.
        if rule.error is not None and not (is_streamed and rule.error.after_chunks is not None):
            raise exception_of(rule.error)
        context = self._context_of(conversation.call, facts)
        completion = evolve(
            guarding(request, lambda: self._answered(family, conversation, rule)),
            id=context.id,
            model=context.model,
            created=context.created,
        )
        if rule.wire_fault is not None:
            inject_fault(rule.wire_fault)
        if is_streamed:
            chunks = chunks_of(conversation, context, completion)
            return paced(chunks, self._chunk_pause_s, rule.error, exception_of)
        return answer_of(conversation, completion)

    def _answered(self, family: str, conversation: Conversation, rule: Rule) -> Completion:
        """What the model answers, within its limits and the account's."""
        request, base_id = conversation.request, conversation.facts.base_id
        asked, length = request.inference.max_tokens, input_tokens(request)
        check_limits(
            family, base_id, input_tokens=length, max_tokens=asked, text_bytes=text_bytes(request)
        )
        rule = _as_said_by(conversation.codec, rule)
        completion = with_cache_counts(
            answer(request, family, rule, call_id=_call_id), request, base_id
        )
        completion = evolve(completion, usage=rule.used(completion.usage))
        written = completion.usage.output_tokens or 0
        self._quotas.spend(
            base_id, asked=length + (written if asked is None else asked), used=length + written
        )
        return completion

    def _model_id(self, given: str) -> ModelId:
        """The id of a model that this Bedrock can have: of a vendor it knows, or one that an
        account brought along."""
        try:
            model_id = parse_model_id(given, self._vendors)
        except RequestError:
            raise unknown_model() from None
        if model_id.vendor not in self._vendors and model_id.kind not in (
            Kind.IMPORTED_MODEL,
            Kind.SAGEMAKER_ENDPOINT,
        ):
            raise unknown_model()
        return model_id

    def _admitted(self, call: Call, model_id: ModelId) -> tuple[str, FamilyCodec, ModelFacts]:
        """Whose model it is whatever surface carries the call, the codec, and what it must know."""
        try:
            codec = codec_for(call, model_id, self._codecs)
        except RequestError:
            raise unknown_model() from None
        is_native = call.operation.surface == INVOKE_CODECS
        family = codec.family if is_native else self._family_of(model_id)
        self._catalogue.admit(model_id, family)
        if call.is_streamed and not codec.streams:
            raise invalid_call("The model is unsupported for streaming")
        return family, codec, ModelFacts(model_id=call.model, base_id=model_id.base_id or "")

    def _family_of(self, model_id: ModelId) -> str:
        """The family whose own JSON the model uses; a model that has none is its vendor's, and
        uses Converse."""
        try:
            return self._codecs.for_base_id(model_id.base_id or "").family
        except UndetectedFamily:
            admit_to_converse(model_id)
            return model_id.vendor or ""


def _as_said_by(codec: FamilyCodec, rule: Rule) -> Rule:
    """The rule as the family can say it: without reasoning where that has no place, and with the
    nearest reason to stop that has a name."""
    reason = rule.stop_reason
    return evolve(
        rule,
        reasoning=rule.reasoning if Feature.REASONING in codec.features else None,
        stop_reason=None if reason is None else Client(codec).stop(reason),
    )


def _read(call: Call, codec: FamilyCodec, facts: ModelFacts) -> Conversation:
    # The gate comes before the codec: AWS checks the schema first, and the codec would read some
    # bodies that it refuses.
    pass_gate(codec, call.json)
    try:
        conversation = read_call(call, codec, facts)
        refuse_odd_inference(conversation.request.inference)
    except MalformedRequest as error:
        raise malformed(error.message) from None
    return conversation


def _refuse(conversation: Conversation) -> None:
    """`ServiceException` for what the model or its maker would refuse."""
    call, codec = conversation.call, conversation.codec
    refuse(codec, conversation.facts.base_id, call.json, is_streamed=conversation.is_streamed)
