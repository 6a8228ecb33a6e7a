"""Values of the documented parameters that have no neutral name, each of the type that it takes.

`Codec.options` names them, and the neutral model carries them as JSON. So this table has their
types, under every name that a documented form gives them; a name that is not here, as a third
party's, gets objects. The values of `ASKS_FOR_NOTHING`, which are the defaults that fitting knows,
are drawn with the others. Values are legal: a service takes each of them.

Sources: OpenAI's API reference, "Chat completions"; Anthropic's API reference, "Messages"; the
bedrock-runtime service model, API 2023-09-30; AWS user guide, "Cohere Command models", "Cohere
Command R and Command R+ models", "Cohere Embed and Rerank models", "AI21 Labs Jurassic-2 models",
"AI21 Labs Jamba models", "Writer Palmyra models", "Amazon Nova embeddings"; vLLM's documents,
"Structured outputs"; the sources of Ollama's server, `api/types.go`; November 2026.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from axonflow_core.fitting.options import ASKS_FOR_NOTHING
from axonflow_core.messages import Json

from .json_strategies import json_values

_WORDS = st.text(alphabet=string.ascii_letters + string.digits, min_size=1, max_size=8)
_FLAGS = st.booleans()
_OBJECTS = st.dictionaries(_WORDS.map("x_{}".format), json_values(), min_size=1, max_size=2)
"""Objects with members that nobody documents, which no codec takes apart."""
_DOCUMENTS = st.lists(st.fixed_dictionaries({"title": _WORDS, "snippet": _WORDS}), max_size=2)
_PENALTIES = st.fixed_dictionaries(
    {"scale": st.integers(0, 5)}, optional={"applyToStopwords": _FLAGS}
)


def _one_of(*words: str) -> SearchStrategy[Json]:
    return st.sampled_from(words)


OPTION_VALUES: Mapping[str, SearchStrategy[Json]] = {
    # OpenAI's chat. One answer has a place in a `Completion`, so `n` is its default alone.
    "n": st.just(1),
    "logit_bias": st.dictionaries(
        st.integers(0, 99999).map(str), st.integers(-100, 100), max_size=2
    ),
    "logprobs": _FLAGS,
    "top_logprobs": st.integers(0, 20),
    "user": _WORDS,
    "model": _WORDS,
    "stream": _FLAGS,
    "stream_options": st.fixed_dictionaries({"include_usage": _FLAGS}),
    "modalities": st.just(["text"]) | st.just(["text", "audio"]),
    "prompt_cache_key": _WORDS,
    "prompt_cache_retention": _one_of("in_memory", "24h"),
    "safety_identifier": _WORDS,
    "store": _FLAGS,
    "verbosity": _one_of("low", "medium", "high"),
    "min_tokens": st.integers(0, 10),
    "response_format": st.just({"type": "json_object"}),
    "tool_choice": st.just({"type": "custom", "custom": {"name": "x"}}),
    "functions": st.lists(st.fixed_dictionaries({"name": _WORDS}), max_size=1),
    "function_call": _one_of("none", "auto") | st.fixed_dictionaries({"name": _WORDS}),
    # Anthropic's Messages
    "anthropic_beta": st.lists(_WORDS, max_size=2),
    "anthropic_version": _one_of("bedrock-2023-05-30"),
    "cache_control": st.sampled_from([{"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}]),
    "container": _WORDS,
    "inference_geo": _one_of("us", "global"),
    "mcp_servers": st.lists(
        st.fixed_dictionaries({"type": st.just("url"), "name": _WORDS}), max_size=1
    ),
    # Converse
    "additionalModelResponseFieldPaths": st.lists(_WORDS.map("/{}".format), max_size=2),
    "guardrailConfig": st.fixed_dictionaries(
        {"guardrailIdentifier": _WORDS.map(str.lower), "guardrailVersion": st.just("1")},
        optional={"trace": _one_of("enabled", "disabled")},
    ),
    "performanceConfig": st.fixed_dictionaries({"latency": _one_of("standard", "optimized")}),
    "projectIdentifier": _WORDS,
    "promptVariables": st.dictionaries(_WORDS, st.fixed_dictionaries({"text": _WORDS}), max_size=1),
    # Cohere
    "return_likelihoods": _one_of("GENERATION", "ALL", "NONE"),
    "num_generations": st.integers(1, 5),
    "truncate": _one_of("NONE", "START", "END"),
    "documents": _DOCUMENTS,
    "search_queries_only": _FLAGS,
    "prompt_truncation": _one_of("OFF", "AUTO_PRESERVE_ORDER"),
    "return_prompt": _FLAGS,
    "raw_prompting": _FLAGS,
    "api_version": st.integers(3, 9),  # 2 is what the codec writes itself, and no option
    "max_tokens_per_doc": st.integers(1, 4096),
    "max_tokens": st.integers(1, 128000),
    # Objects whose documented members have a neutral name, or stay as they are.
    **dict.fromkeys(
        (
            *("audio", "prediction", "web_search_options", "structured_outputs"),
            *("moderation", "prompt_cache_options"),
            *("output_config", "output_format", "context_management"),
            *("additionalModelRequestFields", "outputConfig"),
        ),
        _OBJECTS,
    ),
    # Ollama's chat, and its `options`.
    "keep_alive": _one_of("5m", "-1"),
    "shift": _FLAGS,
    **dict.fromkeys(
        ("use_mmap", "use_mlock", "numa", "low_vram", "penalize_newline"),
        _FLAGS,
    ),
    **dict.fromkeys(
        (
            *("num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "num_keep"),
            *("draft_num_predict", "repeat_last_n", "mirostat"),
        ),
        st.integers(0, 8192),
    ),
    **dict.fromkeys(
        ("min_p", "typical_p", "tfs_z", "repeat_penalty", "mirostat_tau", "mirostat_eta"),
        st.sampled_from([0.05, 0.5, 1.0]),
    ),
    # others
    **dict.fromkeys(("countPenalty", "frequencyPenalty", "presencePenalty"), _PENALTIES),
    "schemaVersion": _WORDS.map("messages-{}".format),
    "detailLevel": _one_of("STANDARD_IMAGE", "DOCUMENT_IMAGE"),
}
"""Option -> values that it takes."""


def option_values(name: str) -> SearchStrategy[Json]:
    """Values of the option `name`: of its type, its defaults among them; objects where its type is
    not known."""
    values = OPTION_VALUES.get(name, _OBJECTS)
    defaults = ASKS_FOR_NOTHING.get(name)
    return values if defaults is None else values | st.sampled_from(defaults)


def options_of(names: Iterable[str]) -> SearchStrategy[dict[str, Json]]:
    """At most two of the options `names`, each with a value of its type."""
    known = sorted(names)
    if not known:
        return st.just({})
    pairs = st.sampled_from(known).flatmap(
        lambda name: st.tuples(st.just(name), option_values(name))
    )
    return st.lists(pairs, max_size=2).map(dict)
