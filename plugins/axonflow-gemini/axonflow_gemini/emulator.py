"""The Gemini API without an account: scripted models behind `endpoint`.

It refuses what Google refuses, in its words: a wrong key, a model that there is not or that has
ended, a prompt beyond the context, a turn of the model's at the end, a call without signature.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from functools import partial
from typing import Any

from axonflow_core.codec import Feature, ModelFacts, StreamContext
from axonflow_core.emulator.building import build_emulator
from axonflow_core.emulator.service import EmulatedVendor
from axonflow_core.emulator.words import words_beside
from axonflow_core.endpoint.conversation import Conversation
from axonflow_core.endpoint.operations import AnswerForm, Encoder, Kind
from axonflow_core.endpoint.refusals import Refused
from axonflow_core.frozen import evolve
from axonflow_core.messages import Completion, CompletionRequest, Json, Reasoning, Role, ToolUse
from axonflow_core.plugin_spec import ModelDescription
from axonflow_core.stream import Batch, BlockStart, BlockStop, ReasoningDelta, StreamEvent

from .config import DEFAULT_MODEL
from .endpoint import WIRE, invalid
from .provider import GeminiProvider, base_id

API_KEY = "emulated-key-of-google"
MODELS = GeminiProvider.models


def refused_turns(conversation: Conversation, model: ModelDescription) -> Refused | None:
    """What Gemini 3 refuses of a history. Source: Gemini API, "Thought signatures" and "What's new
    in Gemini 3.6", November 2026."""
    request, facts = conversation.request, MODELS.facts(model.id)
    last = request.messages[-1] if request.messages else None
    if last is None:
        return invalid("* GenerateContentRequest.contents: contents is not specified")
    if last.role is Role.ASSISTANT and Feature.PREFILL in facts.without:
        return invalid("Requests ending with a model turn are not supported.")
    name = _unsigned_call(request)
    if name is None or facts.reasoning is None or not facts.reasoning.opens_calls:
        return None
    return invalid(f"Function call `{name}` is missing a thought_signature in functionCall parts.")


def _unsigned_call(request: CompletionRequest) -> str | None:
    """The name of a call that begins a turn's calls and has no signature."""
    for message in request.messages:
        content = message.content
        places = [place for place, block in enumerate(content) if isinstance(block, ToolUse)]
        before = content[places[0] - 1] if places and places[0] else None
        is_signed = isinstance(before, Reasoning) and before.signature is not None
        if places and not is_signed:
            call = content[places[0]]
            return call.name if isinstance(call, ToolUse) else None
    return None


# ── what a model signs ────────────────────────────────────────────────────────────────────────────

_SIGNATURE = b64encode(b"emulated").decode()


def _signs(facts: ModelFacts) -> bool:
    controls = MODELS.facts(base_id(facts.base_id)).reasoning
    return controls is not None and controls.opens_calls


def _signed_answer(codec: Any, completion: Completion, facts: ModelFacts) -> Json:
    """The answer with the signature that Gemini 3 gives to the first call of a turn."""
    content = completion.content
    first = next((n for n, block in enumerate(content) if isinstance(block, ToolUse)), None)
    if first is not None and _signs(facts):
        signature = Reasoning("", _SIGNATURE)
        content = (*content[:first], signature, *content[first:])
    return codec.encode_response(evolve(completion, content=content), facts)


_APART = 1_000_000
"""More than the blocks of an answer."""


class _SigningEncoder:
    """An encoder of a stream that signs its first call."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._calls: list[int] = []

    def encode(self, batch: Batch, /) -> Sequence[Json]:
        events: list[StreamEvent] = []
        for event in batch:
            if isinstance(event, BlockStart) and isinstance(event.block, ToolUse):
                self._calls.append(event.index)
            if isinstance(event, BlockStop) and self._calls[:1] == [event.index]:
                # A block of its own number, which the part of the call carries.
                events.append(ReasoningDelta(signature=_SIGNATURE, index=_APART + event.index))
            events.append(event)
        return self._encoder.encode(tuple(events))


def _signed_stream(codec: Any, context: StreamContext, facts: ModelFacts) -> Encoder:
    encoder: Encoder = codec.stream_encoder(context, facts)
    return _SigningEncoder(encoder) if _signs(facts) else encoder


_FORM = AnswerForm(close_answer=_signed_answer, stream_encoder=_signed_stream)
_SIGNED = tuple(
    evolve(each, form=_FORM) if each.kind is Kind.CHAT else each for each in WIRE.operations
)

VENDOR = EmulatedVendor(
    models=lambda: MODELS.catalogue().models,
    words=words_beside(__file__),
    normalized=MODELS.id_of,
    checks=(refused_turns,),
    keys={API_KEY: "emulator"},
    environment={
        "GOOGLE_API_KEY": API_KEY,
        "GOOGLE_GEMINI_BASE_URL": "{url}",
        "GOOGLE_ENDPOINT": "{url}",
        "GOOGLE_MODEL": DEFAULT_MODEL,
    },
    chat_models=(DEFAULT_MODEL,),
    refused_model="gemini-2.0-flash",
)
emulator = partial(build_emulator, evolve(WIRE, operations=_SIGNED), VENDOR)
"""The emulator of the Gemini API; arguments as `build_emulator` has them."""
