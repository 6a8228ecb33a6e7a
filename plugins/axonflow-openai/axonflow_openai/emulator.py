"""OpenAI's API without an account: scripted models behind `endpoint`.

It refuses what OpenAI refuses, in its words: a wrong key, a model that there is not or that has
ended, a prompt beyond the context, and the parameters that a model does not take (`models.toml`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from axonflow_core.codec import Feature
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.emulator.building import build_emulator
from axonflow_core.emulator.service import EmulatedVendor
from axonflow_core.emulator.words import words_beside
from axonflow_core.endpoint.conversation import Conversation
from axonflow_core.endpoint.refusals import Refused, VendorError
from axonflow_core.messages import Json
from axonflow_core.plugin_spec import ModelDescription

from .codec import REASONING
from .config import VARIABLES
from .endpoint import WIRE
from .provider import MODELS, base_id, catalogue

API_KEY = "sk-emulator"
CHAT_MODELS = ("gpt-4o", "gpt-5.4-mini")


def refused_parameter(conversation: Conversation, model: ModelDescription) -> Refused | None:
    """The first parameter of the body that the model does not take."""
    return next(refused_in(conversation.call.json, model.id, model.family), None)


def refused_in(body: Mapping[str, Json], model: str, family: str | None) -> Iterator[VendorError]:
    """What OpenAI refuses of a body, in its words. Source: messages that users report, 2025 and
    2026; the rules are those of `models.toml`."""
    if family != REASONING.name:
        return
    facts = MODELS.facts(model)
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


VENDOR = EmulatedVendor(
    models=lambda: catalogue(CodecRegistry()).models,
    words=words_beside(__file__),
    normalized=lambda model: MODELS.id_of(base_id(model)),
    checks=(refused_parameter,),
    keys={API_KEY: "emulator"},
    environment={
        VARIABLES.api_key: API_KEY,
        "OPENAI_BASE_URL": "{url}/v1",
        VARIABLES.settings["endpoint"]: "{url}/v1",
        VARIABLES.settings["model"]: CHAT_MODELS[0],
    },
    chat_models=CHAT_MODELS,
    refused_model="gpt-0",
)
emulator = partial(build_emulator, WIRE, VENDOR)
"""The emulator of OpenAI's API; arguments as `build_emulator` has them."""
