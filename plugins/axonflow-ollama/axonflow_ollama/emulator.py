"""An Ollama that needs no weights: scripted models behind its own API.

It knows the models of the table as if they were pulled, refuses what they cannot do in Ollama's
words, and takes prompts of any length, which Ollama cuts without a word.

Source of the words: `server/routes.go`, `server/images.go` (github.com/ollama/ollama, commit
017eb8a), read November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from axonflow_core.codec.json_members import mapping_or_empty
from axonflow_core.emulator.building import build_emulator
from axonflow_core.emulator.script import ScriptSource
from axonflow_core.emulator.service import EmulatedVendor
from axonflow_core.emulator.vectors import EmbeddingModel
from axonflow_core.emulator.words import Words
from axonflow_core.endpoint.calls import Call
from axonflow_core.endpoint.conversation import Conversation
from axonflow_core.endpoint.refusals import VendorError
from axonflow_core.errors import ModelNotFound
from axonflow_core.messages import Json
from axonflow_core.plugin_spec import Emulator, ModelDescription

from .config import DEFAULT_MODEL
from .endpoint import WIRE, details_of, listed
from .models import MODELS, catalogue, family_of, full_name

VERSION = "0.40.12"
"""The version that it says it is: the one of docs.ollama.com in November 2026."""
_CAPABILITIES = {model.id: model.capabilities for model in MODELS}
CONTEXT_TOKENS = 131_072
"""What `show` says of every model."""
_EXPIRES = "2036-11-29T00:00:00Z"
_LEVELS = ("low", "medium", "high", "max")


def _refused(message: str, status: int = 400) -> VendorError:
    return VendorError(status=status, message=message)


def _without_tools(asked: Conversation, model: ModelDescription) -> VendorError | None:
    if not asked.request.tools or "tools" in _CAPABILITIES[model.id]:
        return None
    return _refused(f"registry.ollama.ai/library/{model.id} does not support tools")


def _without_thinking(asked: Conversation, model: ModelDescription) -> VendorError | None:
    """`think`, of a model that does not, or at a level where it has none."""
    reasoning = asked.request.reasoning
    if reasoning is None or reasoning.mode == "disabled":
        return None
    if "thinking" not in _CAPABILITIES[model.id]:
        return _refused(f'"{asked.call.model}" does not support thinking')
    is_levelled = family_of(model.id) == "gpt-oss" and reasoning.effort in _LEVELS
    if reasoning.effort is None or is_levelled:
        return None
    return _refused(f'think value "{reasoning.effort}" is not supported for this model')


_WORDS = Words(
    unknown_model=lambda model: _refused(f"model '{model}' not found", 404),
    wrong_kind=lambda model, operation: _refused(f'"{model}" does not support {operation}'),
    throttled=lambda quota: _refused(
        "server busy, please try again.  maximum pending requests exceeded", 503
    ),
)


def _show(call: Call) -> Json:
    """What `ollama show` tells of a model. `ModelNotFound`."""
    given = mapping_or_empty(call.json).get("model")
    name = full_name(given) if isinstance(given, str) else ""
    model = next((each for each in catalogue().models if each.id == name), None)
    if model is None:
        raise ModelNotFound(f"model '{given}' not found")
    kind = "completion" if model.kind == "chat" else "embedding"
    return {
        "modelfile": f"FROM {model.id}",
        "template": "{{ .Prompt }}",
        "parameters": "",
        "details": details_of(model),
        "model_info": {
            "general.architecture": family_of(model.id),
            f"{family_of(model.id)}.context_length": CONTEXT_TOKENS,
        },
        "capabilities": [kind, *_CAPABILITIES[model.id]],
        "modified_at": listed(model)["modified_at"],
    }


def _running(call: Call) -> Json:
    """The model that is loaded: the default one, as if it had just answered."""
    model = next(each for each in catalogue().models if each.id == DEFAULT_MODEL)
    told = listed(model)
    loaded = {"expires_at": _EXPIRES, "size_vram": told["size"], "context_length": 4096}
    return {"models": [{**told, **loaded}]}


VENDOR = EmulatedVendor(
    models=lambda: catalogue().models,
    words=_WORDS,
    normalized=full_name,
    vectors={
        model.id: EmbeddingModel((model.dimensions,), is_shortened=True)
        for model in MODELS
        if model.dimensions is not None
    },
    checks=(_without_tools, _without_thinking),
    tells={"show": _show, "ps": _running, "version": lambda call: {"version": VERSION}},
    call_id=lambda number: f"call_{number:08x}",
)


def environment(base_url: str) -> Mapping[str, str]:
    """The variables of ours and of Ollama's own clients."""
    return {
        "OLLAMA_ENDPOINT": base_url,
        "OLLAMA_HOST": base_url,
        "OLLAMA_MODEL": DEFAULT_MODEL,
    }


def emulator(
    script: ScriptSource = None,
    *,
    chunk_pause_s: float = 0.0,
    record: Path | None = None,
    replay: Path | None = None,
    upstream: str | None = None,
) -> Emulator:
    """The emulator; its arguments are those of `build_emulator`."""
    return build_emulator(
        WIRE,
        VENDOR,
        environment=environment,
        models=(DEFAULT_MODEL,),
        refused_model="llama0:latest",
        script=script,
        chunk_pause_s=chunk_pause_s,
        record=record,
        replay=replay,
        upstream=upstream,
    )
