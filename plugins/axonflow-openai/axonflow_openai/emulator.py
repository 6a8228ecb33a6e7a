"""OpenAI's API without an account: scripted models behind `endpoint`.

It refuses what OpenAI refuses, in its words: a wrong key, a model that there is not or that has
ended, a prompt beyond the context, and the parameters that a model does not take (`models.RULES`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from axonflow_core.codec import Feature
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.emulator.building import build_emulator
from axonflow_core.emulator.quotas import Quota
from axonflow_core.emulator.script import ScriptSource
from axonflow_core.emulator.service import EmulatedVendor
from axonflow_core.emulator.vectors import EmbeddingModel
from axonflow_core.emulator.words import Words
from axonflow_core.endpoint.conversation import Conversation
from axonflow_core.endpoint.credentials import key_verifier
from axonflow_core.endpoint.refusals import Refused, VendorError
from axonflow_core.messages import Json
from axonflow_core.plugin_spec import Emulator, ModelDescription

from .codec import REASONING
from .config import VARIABLES
from .endpoint import WIRE
from .models import catalogue, facts_of, row_of

API_KEY = "sk-emulator"
MODELS = ("gpt-4o", "gpt-5.4-mini")

# ── what a model refuses ──────────────────────────────────────────────────────────────────────────


def refused_parameter(conversation: Conversation, model: ModelDescription) -> Refused | None:
    """The first parameter of the body that the model does not take."""
    return next(refused_in(conversation.call.json, model.id, model.family), None)


def refused_in(body: Mapping[str, Json], model: str, family: str | None) -> Iterator[VendorError]:
    """What OpenAI refuses of a body, in its words. Source: messages that users report, 2025 and
    2026; the rules are those of `models`."""
    if family != REASONING.name:
        return
    facts = facts_of(model)
    for name in ("stop", "presence_penalty", "frequency_penalty"):
        if body.get(name) is not None:
            yield _unsupported(name)
    if body.get("max_tokens") is not None:
        yield _unsupported("max_tokens", " Use 'max_completion_tokens' instead.")
    for name, feature in (("temperature", Feature.TEMPERATURE), ("top_p", Feature.TOP_P)):
        if body.get(name) not in (None, 1) and feature in facts.without:
            words = f"does not support {body[name]} with this model. Only the default (1) value is"
            yield _bad(f"Unsupported value: '{name}' {words} supported.", "unsupported_value")
    controls, effort = facts.reasoning, body.get("reasoning_effort")
    if controls is None:
        return
    if effort is not None and effort not in controls.efforts:
        known = ", ".join(f"'{each}'" for each in controls.efforts)
        words = f"does not support '{effort}' with this model. Supported values are: {known}."
        yield _bad(f"Unsupported value: 'reasoning_effort' {words}", "unsupported_value")
    if body.get("tools") and _is_refused_with_tools(
        facts.without, controls.efforts_with_tools, effort
    ):
        yield _bad(
            f"Function tools with reasoning_effort are not supported for {model} in "
            "/v1/chat/completions. To use function tools, use /v1/responses or set "
            "reasoning_effort to 'none'."
        )


def _is_refused_with_tools(
    without: frozenset[Feature], taken: tuple[str, ...] | None, effort: Json
) -> bool:
    if Feature.TOOLS in without:
        return True
    return taken is not None and effort not in (taken or (None,))


def _unsupported(name: str, instead: str = "") -> VendorError:
    words = f"Unsupported parameter: '{name}' is not supported with this model.{instead}"
    return _bad(words, "unsupported_parameter")


def _bad(message: str, code: str | None = None) -> VendorError:
    return VendorError(status=400, type="invalid_request_error", code=code, message=message)


# ── words ─────────────────────────────────────────────────────────────────────────────────────────


def _unknown_model(model: str) -> VendorError:
    message = f"The model `{model}` does not exist or you do not have access to it."
    return VendorError(code="model_not_found", message=message)


def _wrong_kind(model: str, operation: str) -> VendorError:
    return _bad(f"You are not allowed to use the model {model} with {operation}.")


def _too_long(tokens: int, limit: int) -> VendorError:
    words = (
        f"This model's maximum context length is {limit} tokens. However, your messages resulted "
        f"in {tokens} tokens. Please reduce the length of the messages."
    )
    return VendorError(code="context_length_exceeded", message=words)


def _too_much_output(asked: int, limit: int) -> VendorError:
    return _bad(
        f"max_tokens is too large: {asked}. This model supports at most {limit} completion tokens.",
    )


def _throttled(quota: Quota) -> VendorError:
    words = f"Rate limit reached: {quota}. Please try again in 1s."
    return VendorError(
        code="rate_limit_exceeded", type="requests", message=words, retry_after_s=1.0
    )


WORDS = Words(
    unknown_model=_unknown_model,
    wrong_kind=_wrong_kind,
    too_long=_too_long,
    too_much_output=_too_much_output,
    throttled=_throttled,
)
VECTORS = {
    "text-embedding-3-large": EmbeddingModel((3_072,), is_shortened=True),
    "text-embedding-3-small": EmbeddingModel((1_536,), is_shortened=True),
    "text-embedding-ada-002": EmbeddingModel((1_536,)),
}
"""Lengths of vectors: OpenAI's guide "Vector embeddings", November 2026."""


def _models() -> tuple[ModelDescription, ...]:
    return catalogue(CodecRegistry()).models


def _row_id(model: str) -> str:
    """A snapshot is known by its model's row."""
    row = row_of(model)
    return model if row is None else row.id


VENDOR = EmulatedVendor(
    models=_models,
    words=WORDS,
    normalized=_row_id,
    vectors=VECTORS,
    checks=(refused_parameter,),
)


def environment(base_url: str) -> Mapping[str, str]:
    """For OpenAI's own clients and for the provider."""
    return {
        VARIABLES.api_key: API_KEY,
        "OPENAI_BASE_URL": f"{base_url}/v1",
        VARIABLES.settings["endpoint"]: f"{base_url}/v1",
        VARIABLES.settings["model"]: MODELS[0],
    }


def emulator(
    script: ScriptSource = None,
    *,
    chunk_pause_s: float = 0.0,
    record: Path | None = None,
    replay: Path | None = None,
    upstream: str | None = None,
) -> Emulator:
    """The emulator of OpenAI's API; arguments as `build_emulator` has them."""
    return build_emulator(
        WIRE,
        VENDOR,
        environment=environment,
        models=MODELS,
        refused_model="gpt-0",
        verifier=key_verifier(
            {API_KEY: "emulator"},
            missing="You didn't provide an API key. You need to provide your API key in an "
            "Authorization header using Bearer auth.",
            wrong=lambda key: (
                f"Incorrect API key provided: {key[:3]}***. You can find your API "
                "key at https://platform.openai.com/account/api-keys."
            ),
        ),
        script=script,
        chunk_pause_s=chunk_pause_s,
        record=record,
        replay=replay,
        upstream=upstream,
    )
