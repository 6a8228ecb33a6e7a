"""The bodies in which an Ollama tells of its models.

    GET  /api/tags   {"models": [{"name": "llama3.1:latest", "size": 4000000000}]}
    POST /api/show   {"details": {…}, "model_info": {…}, "capabilities": ["completion", "tools"]}
    GET  /api/ps     {"models": [{"name": "llama3.1:latest", "expires_at": "…"}]}

Source: the server's `server/routes.go` and `docs/openapi.yaml` (github.com/ollama/ollama, commit
017eb8a), read November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

from axonflow_core.codec.json_members import mapping_or_empty
from axonflow_core.endpoint.calls import Call
from axonflow_core.endpoint.operations import ModelListing
from axonflow_core.errors import ModelNotFound
from axonflow_core.messages import Json
from axonflow_core.plugin_spec import ModelDescription

from .models import MODELS, family_of, full_name

VERSION = "0.40.12"
"""The version that an emulator and a server say they are: that of docs.ollama.com in November
2026."""
_USUAL_ABILITIES = ("tools", "vision")
"""What `show` says of a model that the table lacks: what one cannot do is refused by name."""
CONTEXT_TOKENS = 131_072
"""What `show` says of every model."""
_EXPIRES = "2036-11-29T00:00:00Z"
_MODIFIED = "2026-11-29T00:00:00Z"
_SIZE_BYTES = 4_000_000_000


def listed(model: ModelDescription) -> dict[str, Json]:
    """A model as `ollama list` shows it."""
    return {
        "name": model.id,
        "model": model.id,
        "modified_at": _MODIFIED,
        "size": _SIZE_BYTES,
        "digest": sha256(model.id.encode()).hexdigest(),
        "details": details_of(model),
    }


def details_of(model: ModelDescription) -> dict[str, Json]:
    """What is told of a model's weights."""
    family = family_of(model.id)
    return {
        "parent_model": "",
        "format": "gguf",
        "family": family,
        "families": [family],
        "parameter_size": "8.0B",
        "quantization_level": "Q4_K_M",
    }


def _list(models: Sequence[ModelDescription], query: Mapping[str, str]) -> Json:
    return {"models": [listed(model) for model in models]}


LISTING = ModelListing(encode_list=_list, encode_model=listed)


def show(call: Call, models: Sequence[ModelDescription]) -> Json:
    """What `ollama show` tells of the model that the body names. `ModelNotFound`."""
    body = mapping_or_empty(call.json)
    asked = body.get("model") or body.get("name")
    for model in models:
        if asked in model.ids or (isinstance(asked, str) and full_name(asked) in model.ids):
            row = MODELS.row(model.id)
            return _shown(model, _USUAL_ABILITIES if row is None else row.abilities)
    raise ModelNotFound(f"model '{asked}' not found")


def _shown(model: ModelDescription, abilities: Sequence[str]) -> Json:
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
        "capabilities": [kind, *abilities],
        "modified_at": _MODIFIED,
    }


def running(call: Call, models: Sequence[ModelDescription]) -> Json:
    """That the first model is loaded, as if it had just answered."""
    loaded = {"expires_at": _EXPIRES, "size_vram": _SIZE_BYTES, "context_length": 4096}
    return {"models": [{**listed(model), **loaded} for model in models[:1]]}


def version(call: Call, models: Sequence[ModelDescription]) -> Json:
    """Which Ollama this is as good as."""
    return {"version": VERSION}


def pulled_in(tags: Json) -> tuple[str, ...]:
    """The names of the models in the answer to `/api/tags`."""
    models = mapping_or_empty(tags).get("models")
    names = (mapping_or_empty(each).get("name") for each in models or ())
    return tuple(full_name(name) for name in names if isinstance(name, str))
