"""An emulated vendor's handler: which models there are, and what a scripted model answers. Reading
a call and writing its answer is `endpoint.conversation`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import TypeAlias

from attrs import field

from axonflow_core.codec import StreamContext
from axonflow_core.endpoint.calls import Call, Chunks, NativeAnswer
from axonflow_core.endpoint.conversation import (
    Conversation,
    UnaryCall,
    read_conversation,
    read_unary,
)
from axonflow_core.endpoint.operations import Kind
from axonflow_core.endpoint.refusals import Refused
from axonflow_core.endpoint.wire import Wire
from axonflow_core.fitting.answers import Client, fit_answer
from axonflow_core.frozen import evolve, frozen
from axonflow_core.json import dumps
from axonflow_core.messages import (
    EMPTY,
    Completion,
    CompletionRequest,
    Text,
    TokenCount,
    Tool,
)
from axonflow_core.plugin_spec import Life, ModelDescription
from axonflow_core.retrieval import EmbeddingRequest

from .cache_counts import cache_counted
from .fake_model import answer, input_tokens, numbered_call, refuse_odd_inference
from .faults import inject_fault
from .quotas import Quota, Quotas
from .schema_examples import is_schema
from .script import Heard, Rule, Rules, Script, apply_rule, heard_in
from .streaming import batches_of, paced
from .vectors import embeddings_of, ranking_of, vectors_of
from .words import Words

CREATED = 1_764_000_000
"""Seconds since 1970-01-01T00:00Z: when every answer was made, so that it is the same tomorrow."""

Check: TypeAlias = Callable[[Conversation, ModelDescription], Refused | None]
"""What a vendor refuses of a conversation although it can be read; None: nothing."""


def _as_it_is(model: str) -> str:
    return model


def _never(model: str) -> bool:
    return False


@frozen(kw_only=True)
class EmulatedVendor:
    """What an emulator knows of its vendor besides the wire."""

    models: Callable[[], Iterable[ModelDescription]]
    """The models that there are, by all of their `ids`. One that has ended is refused."""
    words: Callable[[], Words] = Words
    """`words_beside(__file__)` reads them from a file of the plugin."""
    normalized: Callable[[str], str] = _as_it_is
    """The id of a call as the models are known by: `models/gemini-2.5-pro` without `models/`."""
    counts_cache: Callable[[str], bool] = _never
    """Whether a model reports the tokens of the prompt cache apart from the input."""
    checks: tuple[Check, ...] = ()
    """What it refuses besides, in order."""
    call_id: Callable[[int], str] = numbered_call
    """The id of a call of a tool by its number in the conversation."""
    keys: Mapping[str, str] = field(default=EMPTY)
    """The keys that it takes -> the id of the client; empty: it asks for none."""
    environment: Mapping[str, str] = field(default=EMPTY)
    """The variables that point clients at it; `{url}` in a value is its base URL."""
    chat_models: tuple[str, ...] = ()
    """Chat models, one for each family, that `axonflow demo` talks to."""
    refused_model: str = ""
    """A model that there is not."""


def context_of(call: Call) -> StreamContext:
    """Id and time of an answer: the same call has the same."""
    # Derived and not drawn, so that golden files stay the same.
    digest = sha256(f"{call.model}\n".encode() + dumps(call.json, is_sorted=True)).hexdigest()
    prefix = call.operation.id_prefix
    return StreamContext(id=f"{prefix}{digest[:24]}", model=call.model, created=CREATED)


class EmulatedService:
    """A handler for `dialect_app`. Without a script it keeps no state between calls.

    A script that spoils answers on the wire needs the app to be wrapped in `with_faults`.
    """

    def __init__(
        self,
        wire: Wire,
        vendor: EmulatedVendor,
        script: Script = Script(),  # noqa: B008 - frozen
        *,
        chunk_pause_s: float = 0.0,
    ) -> None:
        self._wire = wire
        self._vendor = vendor
        self._words = vendor.words()
        self._models = {id: model for model in vendor.models() for id in model.ids}
        self._rules = Rules(script)
        self._quotas = Quotas(script.account, self._throttled)
        self._chunk_pause_s = chunk_pause_s
        self._answers = {
            Kind.CHAT: self._completed,
            Kind.EMBEDDING: self._embedded,
            Kind.RERANK: self._ranked,
            Kind.COUNT: self._counted,
            Kind.MODELS: self._listed,
            Kind.MODEL: self._described,
            Kind.OTHER: self._told,
        }

    async def __call__(self, call: Call) -> NativeAnswer | Chunks:
        return await self._answers[call.operation.kind](call)

    # ── conversations ─────────────────────────────────────────────────────────────────────────────

    async def _completed(self, call: Call) -> NativeAnswer | Chunks:
        model = self._model_of(call)
        conversation = read_conversation(call)
        refuse_odd_inference(conversation.request.inference)
        rule = self._rules.take(heard_in(conversation.request))
        await asyncio.sleep(rule.delay_s)
        self._check(conversation, model)
        # An error in mid-stream is raised by `paced`; a whole answer has no middle.
        if rule.error is not None and not (
            call.is_streamed and rule.error.after_chunks is not None
        ):
            raise self._refusal(rule.error)
        completion = self._answered(conversation, model, rule)
        if rule.wire_fault is not None:
            inject_fault(rule.wire_fault)
        if call.is_streamed:
            return self._chunks(conversation, completion, rule)
        return conversation.answer(completion)

    def _answered(
        self, conversation: Conversation, model: ModelDescription, rule: Rule
    ) -> Completion:
        """What the model answers, within the account's quotas, as its dialect can hold it."""
        request, vendor = conversation.request, self._vendor
        context = context_of(conversation.call)
        family = model.family or model.vendor
        completion = answer(
            request, family, _in_words_of(conversation, rule), call_id=vendor.call_id
        )
        if vendor.counts_cache(model.id):
            completion = cache_counted(completion, request)
        self._spend(conversation, model, completion)
        fitted = fit_answer(
            evolve(completion, usage=rule.used(completion.usage)), conversation.codec
        )
        return evolve(fitted, id=context.id, model=context.model, created=context.created)

    def _chunks(self, conversation: Conversation, completion: Completion, rule: Rule) -> Chunks:
        encoder = conversation.encoder(context_of(conversation.call))
        chunks = (chunk for batch in batches_of(completion) for chunk in encoder.encode(batch))
        return paced(chunks, self._chunk_pause_s, rule.error, self._refusal)

    async def _counted(self, call: Call) -> NativeAnswer:
        self._model_of(call)
        counting = read_unary(call)
        await apply_rule(self._rules.take(heard_in(counting.request)), self._refusal)
        return counting.answer(TokenCount(input_tokens(counting.request)))

    # ── vectors ───────────────────────────────────────────────────────────────────────────────────

    async def _embedded(self, call: Call) -> NativeAnswer:
        model = self._model_of(call)
        embedding: UnaryCall[EmbeddingRequest, object] = read_unary(call)
        request, kind = embedding.request, vectors_of(model)
        texts = tuple(given.text for given in request.inputs if isinstance(given, Text))
        await apply_rule(self._rules.take(Heard(texts[0] if texts else "")), self._refusal)
        if request.dimensions is not None and not kind.takes(request.dimensions):
            raise self._refusal(self._words.bad_length.about(length=request.dimensions))
        embeddings = embeddings_of(request, kind)
        tokens = embeddings.usage.input_tokens or 0
        self._quotas.spend(model.id, asked=tokens, used=tokens)
        return embedding.answer(evolve(embeddings, id=context_of(call).id, texts=texts or None))

    async def _ranked(self, call: Call) -> NativeAnswer:
        model = self._model_of(call)
        ranking = read_unary(call)
        await apply_rule(self._rules.take(Heard(ranking.request.query)), self._refusal)
        self._quotas.spend(model.id, asked=0, used=0)
        return ranking.answer(ranking_of(ranking.request))

    # ── models ────────────────────────────────────────────────────────────────────────────────────

    async def _listed(self, call: Call) -> NativeAnswer:
        return NativeAnswer(call.operation.codec.encode_list(self._living, call.query))

    async def _described(self, call: Call) -> NativeAnswer:
        return NativeAnswer(call.operation.codec.encode_model(self._known(call.model)))

    async def _told(self, call: Call) -> NativeAnswer:
        return NativeAnswer(call.operation.codec(call, self._living))

    @property
    def _living(self) -> Sequence[ModelDescription]:
        """The models that have not ended, each once."""
        models = dict.fromkeys(self._models.values())
        return [model for model in models if model.life is not Life.ENDED]

    def _model_of(self, call: Call) -> ModelDescription:
        """The model of a call. `Refusal` where there is none of that id, or it has not this
        operation."""
        model, kind = self._known(call.model), call.operation.kind
        is_counted = kind is Kind.COUNT and model.kind == Kind.CHAT
        if model.kind != kind and not is_counted:
            words = self._words.wrong_kind
            raise self._refusal(words.about(model=call.model, operation=call.operation.name))
        return model

    def _known(self, id: str) -> ModelDescription:
        model = self._models.get(self._vendor.normalized(id))
        if model is None or model.life is Life.ENDED:
            raise self._refusal(self._words.unknown_model.about(model=id))
        return model

    # ── what is refused ───────────────────────────────────────────────────────────────────────────

    def _check(self, conversation: Conversation, model: ModelDescription) -> None:
        """`Refusal` for what the vendor refuses of a conversation: its own rows, then lengths."""
        for refused in (check(conversation, model) for check in self._vendor.checks):
            if refused is not None:
                raise self._refusal(refused)
        words, asked = self._words, conversation.request.inference.max_tokens
        for name in _without_schema(conversation.request):
            raise self._refusal(words.bad_schema.about(name=name))
        length = input_tokens(conversation.request)
        if _exceeds(asked, model.output_tokens):
            limit = model.output_tokens or 0
            refused = words.too_much_output.about(asked=asked, limit=limit, bound=limit + 1)
            raise self._refusal(refused)
        if _exceeds(length, model.context_tokens):
            refused = words.too_long.about(tokens=length, limit=model.context_tokens)
            raise self._refusal(refused)

    def _spend(
        self, conversation: Conversation, model: ModelDescription, completion: Completion
    ) -> None:
        asked = conversation.request.inference.max_tokens
        length = input_tokens(conversation.request)
        written = completion.usage.output_tokens or 0
        self._quotas.spend(
            model.id,
            asked=length + (written if asked is None else asked),
            used=length + written,
        )

    def _refusal(self, refused: Refused) -> Exception:
        return self._wire.refusal(refused)

    def _throttled(self, quota: Quota) -> Exception:
        return self._wire.refusal(self._words.throttled.about(quota=quota))


def _without_schema(request: CompletionRequest) -> Iterator[str]:
    """The names of what has a schema that is none; the answer's is called `output`."""
    schemas = [(tool.name, tool.input_schema) for tool in request.tools if isinstance(tool, Tool)]
    if request.output_schema is not None:
        schemas.append(("output", request.output_schema.schema))
    return (name for name, schema in schemas if not is_schema(schema))


def _exceeds(number: int | None, limit: int | None) -> bool:
    return number is not None and limit is not None and number > limit


def _in_words_of(conversation: Conversation, rule: Rule) -> Rule:
    """The rule with the nearest reason to stop that its dialect has a name for."""
    if rule.stop_reason is None:
        return rule
    return evolve(rule, stop_reason=Client(conversation.codec).stop(rule.stop_reason))
