"""The validation of request bodies that Bedrock does before it calls a family's models, as data.

A `Gate` is the shape of a family's bodies with the function that formats violations. No schema is
documented for the families with OpenAI's chat JSON, for imported models and for endpoints: there
unknown keys are accepted, and known ones are checked by their documented type and range.

To add a family, add a line to `GATES` under the name of its codec (`nova`, `llama/llama3`), with
the source of its keys and ranges. A codec without a line, as a third party's, is not validated. The
limits of output tokens belong to single models: see `limits`.
"""

from __future__ import annotations

from collections.abc import Mapping

from axonflow_core.codec import FamilyCodec
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import Json

from ..wire.endpoint import invalid_call
from .schema import (
    ANYTHING,
    FLAG,
    TEXT,
    Formatter,
    Shape,
    all_by_pointer,
    first_by_path,
    listing,
    number,
    one_of,
    record,
    violations,
    whole,
)


@frozen(kw_only=True)
class Gate:
    """The validation of one family's bodies."""

    shape: Shape
    message: Formatter = all_by_pointer


_SHARE = number(0, 1)
_SHARE_ABOVE_0 = number(above=0, most=1)
_STOPS = listing(TEXT)
_OBJECT = record({}, is_open=True)

# AWS user guide, "Anthropic Claude Messages API", November 2026. A beta may add parameters.
_CLAUDE = record(
    {
        "anthropic_version": TEXT,
        "anthropic_beta": listing(TEXT),
        "max_tokens": whole(1),
        "messages": listing(
            record(
                {"role": one_of("user", "assistant", "system"), "content": ANYTHING},
                required="role content",
                is_open=True,
            )
        ),
        "system": ANYTHING,
        "temperature": _SHARE,
        "top_p": _SHARE,
        "top_k": whole(0, 500),
        "stop_sequences": listing(TEXT, most_items=8191),
        "tools": listing(
            record({"name": TEXT, "description": TEXT}, required="name", is_open=True)
        ),
        "tool_choice": record(
            {"type": one_of("auto", "any", "tool", "none")}, required="type", is_open=True
        ),
        "thinking": record(
            {"type": TEXT, "budget_tokens": whole(1024)}, required="type", is_open=True
        ),
        "output_config": _OBJECT,
        "output_format": ANYTHING,
        "metadata": _OBJECT,
    },
    required="anthropic_version max_tokens messages",
    opened_by="anthropic_beta",
)

# AWS user guide, "Amazon Titan Text models", November 2026.
_TITAN = record(
    {
        "inputText": TEXT,
        "textGenerationConfig": record(
            {
                "maxTokenCount": whole(0),
                "temperature": _SHARE,
                "topP": _SHARE_ABOVE_0,
                "stopSequences": _STOPS,
            }
        ),
    },
    required="inputText",
)

# AWS user guide, "Meta Llama models", November 2026.
_LLAMA = record(
    {
        "prompt": TEXT,
        "max_gen_len": whole(1),
        "temperature": _SHARE,
        "top_p": _SHARE,
        "images": listing(TEXT),
    },
    required="prompt",
)

# AWS user guide, "Mistral AI text completion", November 2026; the range of top_k from public
# clients.
_MISTRAL_PROMPT = record(
    {
        "prompt": TEXT,
        "max_tokens": whole(1),
        "temperature": _SHARE,
        "top_p": _SHARE,
        "top_k": whole(1, 200),
        "stop": listing(TEXT, most_items=10),
    },
    required="prompt",
)

# AWS user guide, "Mistral AI chat completion", November 2026. Open: the newer models of this form
# take more parameters, and no document names them all.
_MISTRAL_CHAT = record(
    {
        "messages": listing(
            record(
                {"role": one_of("system", "user", "assistant", "tool")},
                required="role",
                is_open=True,
            )
        ),
        "tools": listing(_OBJECT),
        "max_tokens": whole(1),
        "temperature": _SHARE,
        "top_p": _SHARE,
    },
    required="messages",
    is_open=True,
)

# AWS user guide, "Anthropic Claude Text Completions API", November 2026.
_CLAUDE_TEXT = record(
    {
        "anthropic_version": TEXT,
        "prompt": TEXT,
        "max_tokens_to_sample": whole(0, 4096),
        "temperature": _SHARE,
        "top_p": _SHARE,
        "top_k": whole(0, 500),
        "stop_sequences": _STOPS,
    },
    required="prompt max_tokens_to_sample",
)

# AWS user guide for Amazon Nova, "Complete request schema", November 2026; the names with
# underscores from recorded traffic. Documents reach Nova through Converse alone.
_NOVA_BLOCK = record(
    {
        "text": TEXT,
        **dict.fromkeys(
            ("image", "video", "audio", "toolUse", "toolResult", "cachePoint"), _OBJECT
        ),
        "reasoningContent": _OBJECT,
    }
)
_NOVA = record(
    {
        "schemaVersion": one_of("messages-v1"),
        "system": listing(_NOVA_BLOCK),
        "messages": listing(
            record(
                {"role": one_of("user", "assistant"), "content": listing(_NOVA_BLOCK)},
                required="role content",
            )
        ),
        "inferenceConfig": record(
            {
                **dict.fromkeys(("maxTokens", "max_new_tokens"), whole(1)),
                **dict.fromkeys(("temperature", "topP", "top_p"), _SHARE),
                **dict.fromkeys(("topK", "top_k"), whole(0, 500)),
                "stopSequences": listing(TEXT, most_items=4),
                "reasoningConfig": record({"type": TEXT}, required="type", is_open=True),
            }
        ),
        "toolConfig": record({"tools": listing(_OBJECT), "toolChoice": _OBJECT}, required="tools"),
    },
    required="messages",
)

# AWS user guide, "Cohere Command models", November 2026.
_COMMAND = record(
    {
        "prompt": TEXT,
        "max_tokens": whole(1, 4096),
        "temperature": number(0, 5),
        "p": _SHARE,
        "k": number(0, 500),
        "stop_sequences": _STOPS,
        "return_likelihoods": one_of("GENERATION", "ALL", "NONE"),
        "stream": FLAG,
        "num_generations": whole(1, 5),
        "logit_bias": _OBJECT,
        "truncate": one_of("NONE", "START", "END"),
    },
    required="prompt",
)

# AWS user guide, "Cohere Command R and Command R+ models", November 2026; the turns of tools in the
# history from Cohere's API reference.
_COMMAND_R = record(
    {
        "message": TEXT,
        "chat_history": listing(
            record(
                {"role": one_of("USER", "CHATBOT", "TOOL"), "message": TEXT},
                required="role",
                is_open=True,
            )
        ),
        "preamble": TEXT,
        "documents": listing(_OBJECT),
        "tools": listing(
            record(
                {"name": TEXT, "description": TEXT, "parameter_definitions": _OBJECT},
                required="name",
            )
        ),
        "tool_results": listing(
            record({"call": _OBJECT, "outputs": listing(_OBJECT)}, required="call outputs")
        ),
        "max_tokens": whole(1, 4000),
        "temperature": _SHARE,
        "p": number(0.01, 0.99),
        "k": number(0, 500),
        "stop_sequences": _STOPS,
        **dict.fromkeys(("frequency_penalty", "presence_penalty"), _SHARE),
        **dict.fromkeys(("search_queries_only", "return_prompt", "raw_prompting"), FLAG),
        "prompt_truncation": one_of("OFF", "AUTO_PRESERVE_ORDER"),
        "seed": whole(),
    },
    required="message",
)

# AWS user guide, "AI21 Labs Jurassic-2 models", November 2026.
_PENALTY = record({"scale": number()}, is_open=True)
_JURASSIC = record(
    {
        "prompt": TEXT,
        "maxTokens": whole(0),
        "temperature": _SHARE,
        "topP": _SHARE,
        "stopSequences": _STOPS,
        **dict.fromkeys(("countPenalty", "presencePenalty", "frequencyPenalty"), _PENALTY),
    },
    required="prompt",
)

# AWS user guide, "DeepSeek models", November 2026.
_R1 = record(
    {
        "prompt": TEXT,
        "max_tokens": whole(1, 32768),
        "temperature": _SHARE,
        "top_p": _SHARE,
        "stop": listing(TEXT, most_items=10),
    },
    required="prompt",
)


def _chat(required: str = "messages", **members: Shape) -> Shape:
    """The shape of OpenAI's chat JSON, open; `members` replace or add to its parameters.

    Source: OpenAI's API reference, "Chat completions", which the AWS user guide and the model cards
    refer to, November 2026. Parameters may be null. `stop` and `tool_choice` have several types and
    are not checked.
    """
    role = one_of("system", "developer", "user", "assistant", "tool")
    parameters = {
        **dict.fromkeys(("max_tokens", "max_completion_tokens"), whole(1)),
        "temperature": number(0, 2),
        "top_p": _SHARE,
        "tools": listing(
            record({"type": TEXT, "function": _OBJECT}, required="type", is_open=True)
        ),
        "response_format": _OBJECT,
        **dict.fromkeys(("frequency_penalty", "presence_penalty"), number(-2, 2)),
        "seed": whole(),
        "logit_bias": _OBJECT,
        **members,
    }
    return record(
        {
            "messages": listing(record({"role": role}, required="role", is_open=True)),
            **{key: evolve(shape, or_null=True) for key, shape in parameters.items()},
        },
        required=required,
        is_open=True,
    )


# AWS user guide, "AI21 Labs Jamba models", November 2026. Its penalties have no range there.
_JAMBA = _chat(
    top_p=_SHARE_ABOVE_0,
    stop=_STOPS,
    n=whole(1, 16),
    documents=listing(_OBJECT),
    frequency_penalty=number(),
    presence_penalty=number(),
)

# AWS user guide, "Writer Palmyra models", November 2026. Messages are not required: a published
# capture has a `prompt`.
_WRITER = _chat(
    required="", top_p=_SHARE_ABOVE_0, stop=listing(TEXT, most_items=4), min_tokens=whole(0)
)

# AWS user guide, "OpenAI models", November 2026.
_GPT_OSS = _chat(reasoning_effort=one_of("low", "medium", "high"))

# The range from litellm 1.109.1, November 2026.
_KIMI = _chat(temperature=_SHARE)


def _prompt(limit: str) -> Shape:
    """The shape of a prompt for an imported model or endpoint; no ranges are documented."""
    members = {"prompt": TEXT, limit: whole(), **dict.fromkeys(("temperature", "top_p"), number())}
    return record(members, required="prompt", is_open=True)


# AWS user guide, "Invoke your imported model", and recorded traffic of a SageMaker endpoint,
# November 2026.
_IMPORTED = {
    "imported/llama": Gate(shape=_prompt("max_gen_len")),
    **dict.fromkeys(
        ("imported/completion", "marketplace/tgi", "writer/prompt"),
        Gate(shape=_prompt("max_tokens")),
    ),
    "imported/chat": Gate(shape=_chat(temperature=number(), top_p=number())),
}

GATES: Mapping[str, Gate] = {
    "anthropic": Gate(shape=_CLAUDE, message=first_by_path),
    "anthropic/text": Gate(shape=_CLAUDE_TEXT),
    "titan": Gate(shape=_TITAN),
    "nova": Gate(shape=_NOVA),
    **dict.fromkeys(
        (f"llama/{form}" for form in ("llama2", "llama3", "llama3-vision", "llama4")),
        Gate(shape=_LLAMA),
    ),
    "mistral/prompt": Gate(shape=_MISTRAL_PROMPT),
    "mistral/chat": Gate(shape=_MISTRAL_CHAT),
    "cohere/command": Gate(shape=_COMMAND),
    "cohere/command-r": Gate(shape=_COMMAND_R),
    "ai21/j2": Gate(shape=_JURASSIC),
    "deepseek/r1": Gate(shape=_R1),
    "jamba": Gate(shape=_JAMBA),
    "writer": Gate(shape=_WRITER),
    "gpt-oss": Gate(shape=_GPT_OSS),
    "kimi": Gate(shape=_KIMI),
    **dict.fromkeys(
        ("deepseek/chat", "gemma", "glm", "minimax", "mistral/openai", "nemotron", "qwen"),
        Gate(shape=_chat()),
    ),
    **_IMPORTED,
}
"""Name of a codec -> its gate."""


def pass_gate(codec: FamilyCodec, body: Json) -> None:
    """Raise `ServiceException`, with the family's message, where its gate refuses `body`."""
    gate = GATES.get(codec.name)
    if gate is not None and (found := list(violations(body, gate.shape))):
        raise invalid_call(gate.message(found))
