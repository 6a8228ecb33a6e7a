"""The Gemini API without an account: scripted models behind `endpoint`.

It refuses what Google refuses, in its words: a wrong key, a model that there is not or that has
ended, a prompt beyond the context, a turn of the model's at the end, a call without signature.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from axonflow_core.codec import Feature, ModelFacts, StreamContext
from axonflow_core.emulator.building import build_emulator
from axonflow_core.emulator.quotas import Quota
from axonflow_core.emulator.script import ScriptSource
from axonflow_core.emulator.service import EmulatedVendor
from axonflow_core.emulator.vectors import EmbeddingModel
from axonflow_core.emulator.words import Words
from axonflow_core.endpoint.conversation import Conversation
from axonflow_core.endpoint.credentials import key_verifier
from axonflow_core.endpoint.operations import AnswerForm, Encoder, Kind
from axonflow_core.endpoint.refusals import Refused, VendorError
from axonflow_core.frozen import evolve
from axonflow_core.messages import Completion, CompletionRequest, Json, Reasoning, Role, ToolUse
from axonflow_core.plugin_spec import Emulator, ModelDescription
from axonflow_core.stream import Batch, BlockStart, BlockStop, ReasoningDelta, StreamEvent

from .config import DEFAULT_MODEL
from .endpoint import WIRE
from .models import base_id, catalogue, facts_of, known_model

API_KEY = "emulated-key-of-google"
MODELS = (DEFAULT_MODEL,)


def _invalid(message: str) -> VendorError:
    return VendorError(status=400, code="INVALID_ARGUMENT", message=message)


def refused_turns(conversation: Conversation, model: ModelDescription) -> Refused | None:
    """What Gemini 3 refuses of a history. Source: Gemini API, "Thought signatures" and "What's new
    in Gemini 3.6", November 2026."""
    request, facts = conversation.request, facts_of(model.id)
    last = request.messages[-1] if request.messages else None
    if last is None:
        return _invalid("* GenerateContentRequest.contents: contents is not specified")
    if last.role is Role.ASSISTANT and Feature.PREFILL in facts.without:
        return _invalid("Requests ending with a model turn are not supported.")
    name = _unsigned_call(request)
    if name is None or facts.reasoning is None or not facts.reasoning.opens_calls:
        return None
    return _invalid(f"Function call `{name}` is missing a thought_signature in functionCall parts.")


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
    controls = facts_of(base_id(facts.base_id)).reasoning
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

# ── words ─────────────────────────────────────────────────────────────────────────────────────────


def _throttled(quota: Quota) -> VendorError:
    words = "You exceeded your current quota, please check your plan and billing details."
    return VendorError(
        status=429,
        code="RESOURCE_EXHAUSTED",
        message=f"{words} * Quota exceeded: {quota}. Please retry in 1s.",
        retry_after_s=1.0,
    )


WORDS = Words(
    unknown_model=lambda model: VendorError(
        code="NOT_FOUND",
        message=f"models/{base_id(model)} is not found for API version v1beta, or is not supported "
        "for generateContent. Call ListModels to see the list of available models and their "
        "supported methods.",
    ),
    wrong_kind=lambda model, operation: VendorError(
        code="NOT_FOUND",
        message=f"models/{base_id(model)} is not found for API version v1beta, or is not supported "
        f"for {operation}.",
    ),
    too_long=lambda tokens, limit: _invalid(
        f"The input token count ({tokens}) exceeds the maximum number of tokens allowed ({limit})."
    ),
    too_much_output=lambda asked, limit: _invalid(
        f"Unable to submit request because it has a maxOutputTokens value of {asked} but the "
        f"supported range is from 1 (inclusive) to {limit + 1} (exclusive)."
    ),
    bad_length=lambda length: _invalid(f"output_dimensionality {length} is out of range."),
    throttled=_throttled,
)
_VECTOR = EmbeddingModel((3_072,), is_shortened=True)


def _models() -> tuple[ModelDescription, ...]:
    return catalogue(date.today()).models


def _row_id(model: str) -> str:
    """A version of a model is known by its row."""
    known = known_model(model)
    return base_id(model) if known is None else known.id


VENDOR = EmulatedVendor(
    models=_models,
    words=WORDS,
    normalized=_row_id,
    vectors={"gemini-embedding": _VECTOR},
    checks=(refused_turns,),
)


def environment(base_url: str) -> Mapping[str, str]:
    """For Google's own clients and for the provider."""
    return {
        "GOOGLE_API_KEY": API_KEY,
        "GOOGLE_GEMINI_BASE_URL": base_url,
        "GOOGLE_ENDPOINT": base_url,
        "GOOGLE_MODEL": MODELS[0],
    }


def emulator(
    script: ScriptSource = None,
    *,
    chunk_pause_s: float = 0.0,
    record: Path | None = None,
    replay: Path | None = None,
    upstream: str | None = None,
) -> Emulator:
    """The emulator of the Gemini API; arguments as `build_emulator` has them."""
    return build_emulator(
        evolve(WIRE, operations=_SIGNED),
        VENDOR,
        environment=environment,
        models=MODELS,
        refused_model="gemini-2.0-flash",
        verifier=key_verifier(
            {API_KEY: "emulator"},
            missing="Method doesn't allow unregistered callers (callers without established "
            "identity). Please use API Key or other form of API consumer identity to call this "
            "API.",
            wrong=lambda key: "API key not valid. Please pass a valid API key.",
        ),
        script=script,
        chunk_pause_s=chunk_pause_s,
        record=record,
        replay=replay,
        upstream=upstream,
    )
