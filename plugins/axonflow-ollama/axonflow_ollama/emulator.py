"""An Ollama that needs no weights: scripted models behind its own API.

It knows the models of the table as if they were pulled, refuses what they cannot do in Ollama's
words, and takes prompts of any length, which Ollama cuts without a word.
"""

from __future__ import annotations

from functools import partial

from axonflow_core.emulator.building import build_emulator
from axonflow_core.emulator.service import EmulatedVendor
from axonflow_core.emulator.words import words_beside
from axonflow_core.endpoint.conversation import Conversation
from axonflow_core.endpoint.refusals import VendorError
from axonflow_core.plugin_spec import ModelDescription

from .config import DEFAULT_MODEL
from .endpoint import WIRE
from .models import MODELS, family_of, full_name

_LEVELS = ("low", "medium", "high", "max")


def _refused(message: str) -> VendorError:
    return VendorError(status=400, message=message)


def _without_tools(asked: Conversation, model: ModelDescription) -> VendorError | None:
    if not asked.request.tools or "tools" in _abilities(model.id):
        return None
    return _refused(f"registry.ollama.ai/library/{model.id} does not support tools")


def _without_thinking(asked: Conversation, model: ModelDescription) -> VendorError | None:
    """`think`, of a model that does not, or at a level where it has none."""
    reasoning = asked.request.reasoning
    if reasoning is None or reasoning.mode == "disabled":
        return None
    if "thinking" not in _abilities(model.id):
        return _refused(f'"{asked.call.model}" does not support thinking')
    is_levelled = family_of(model.id) == "gpt-oss" and reasoning.effort in _LEVELS
    if reasoning.effort is None or is_levelled:
        return None
    return _refused(f'think value "{reasoning.effort}" is not supported for this model')


def _abilities(id: str) -> tuple[str, ...]:
    row = MODELS.row(id)
    return () if row is None else row.abilities


VENDOR = EmulatedVendor(
    models=lambda: MODELS.catalogue().models,
    words=words_beside(__file__),
    normalized=full_name,
    checks=(_without_tools, _without_thinking),
    call_id=lambda number: f"call_{number:08x}",
    environment={
        "OLLAMA_ENDPOINT": "{url}",
        "OLLAMA_HOST": "{url}",
        "OLLAMA_MODEL": DEFAULT_MODEL,
    },
    chat_models=(DEFAULT_MODEL,),
    refused_model="llama0:latest",
)
emulator = partial(build_emulator, WIRE, VENDOR)
"""The emulator of Ollama; arguments as `build_emulator` has them."""
