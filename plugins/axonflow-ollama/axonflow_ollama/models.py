"""Models of Ollama's library, and what follows from a model's name.

What a server can call is what was pulled there, and only it knows: `GET /api/tags`. The table is
for `axonflow models` and for the emulator: names of a few well-known families. It states no
context, for that is the server's own setting (`num_ctx`). A model that it lacks is called as any
other; whether one has tools or sees pictures is refused by the server, which knows its template,
and `capabilities` are the emulator's alone.

Source: `api/types.go` for `think` (github.com/ollama/ollama, commit 017eb8a: levels are gpt-oss's).
"""

from __future__ import annotations

from datetime import date
from urllib.parse import urlsplit

from axonflow_core.codec import ModelFacts, ReasoningControls
from axonflow_core.frozen import frozen
from axonflow_core.plugin_spec import ModelCatalogue, ModelDescription
from axonflow_core.provider import Price

AS_OF = date(2026, 11, 29)


@frozen
class LibraryModel:
    """A model of the library, by the tag that a bare `ollama pull` takes."""

    id: str
    vendor: str
    capabilities: tuple[str, ...] = ()
    """What the emulator's `show` lists beside `completion`: `tools`, `vision`, `thinking`."""
    dimensions: int | None = None
    """The length of its vectors; None: it chats."""


_TOOLS, _VISION, _THINKING = "tools", "vision", "thinking"
MODELS: tuple[LibraryModel, ...] = (
    LibraryModel("llama3.1:latest", "Meta", (_TOOLS,)),
    LibraryModel("llama3.2:latest", "Meta", (_TOOLS,)),
    LibraryModel("llama3.3:latest", "Meta", (_TOOLS,)),
    LibraryModel("llama3.2-vision:latest", "Meta", (_VISION,)),
    LibraryModel("qwen3:latest", "Alibaba", (_TOOLS, _THINKING)),
    LibraryModel("qwen2.5:latest", "Alibaba", (_TOOLS,)),
    LibraryModel("gpt-oss:latest", "OpenAI", (_TOOLS, _THINKING)),
    LibraryModel("deepseek-r1:latest", "DeepSeek", (_TOOLS, _THINKING)),
    LibraryModel("gemma3:latest", "Google", (_VISION,)),
    LibraryModel("mistral:latest", "Mistral AI", (_TOOLS,)),
    LibraryModel("phi4:latest", "Microsoft"),
    LibraryModel("nomic-embed-text:latest", "Nomic AI", dimensions=768),
    LibraryModel("mxbai-embed-large:latest", "Mixedbread", dimensions=1024),
    LibraryModel("all-minilm:latest", "Sentence Transformers", dimensions=384),
)
"""The families, the one of the product's documentation first."""

_LEVELS = ReasoningControls(efforts=("low", "medium", "high"))
_ON_OR_OFF = ReasoningControls(modes=frozenset({"enabled", "disabled"}))


def family_of(model: str) -> str:
    """The name of a model's family: `qwen3` of `hf.co/me/qwen3:8b`."""
    return model.rpartition("/")[2].partition(":")[0].lower()


def full_name(model: str) -> str:
    """The name with its tag, as `ollama list` shows it."""
    return model if ":" in model.rpartition("/")[2] else f"{model}:latest"


def facts_of(model: str, max_tokens: int | None = None) -> ModelFacts:
    """What is known of a model by its name. Its calls are held to no schema, and `think` takes
    levels for gpt-oss alone."""
    return ModelFacts(
        model_id=model,
        base_id=model,
        default_max_tokens=max_tokens,
        has_strict_tools=False,
        reasoning=_LEVELS if family_of(model).startswith("gpt-oss") else _ON_OR_OFF,
    )


_FREE = Price(input=0.0, output=0.0, cache_read=0.0, cache_write_5m=0.0, cache_write_1h=0.0)


def price_of(model: str, endpoint: str) -> Price | None:
    """Nothing, for a model that runs on a machine of one's own. None, which is unknown, for one of
    Ollama's cloud, which is paid by plans: on ollama.com itself, or through a server of one's own
    by its tag (`gpt-oss:120b-cloud`)."""
    host = urlsplit(endpoint).hostname or ""
    is_cloud = model.endswith("cloud") or host == "ollama.com" or host.endswith(".ollama.com")
    return None if is_cloud else _FREE


def catalogue(codecs: object = None) -> ModelCatalogue:
    """The table, for `axonflow models`."""
    return ModelCatalogue(models=tuple(map(_described, MODELS)), as_of=AS_OF)


def _described(model: LibraryModel) -> ModelDescription:
    is_chat = model.dimensions is None
    return ModelDescription(
        id=model.id,
        vendor=model.vendor,
        family="ollama" if is_chat else "ollama-embed",
        kind="chat" if is_chat else "embedding",
        surfaces=("chat",) if is_chat else ("embed",),
        input_price=0.0,
        output_price=0.0 if is_chat else None,
    )
