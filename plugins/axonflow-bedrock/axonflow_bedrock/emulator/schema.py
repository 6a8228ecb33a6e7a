"""The validation of request bodies that Bedrock does before it calls a family's models, as data.

A `Gate` is a `Shape` of the body and a function that formats violations. Most families have a JSON
schema on Bedrock, whose message lists every violation by its pointer; Claude has a validation of
its own, whose message has the first one. No schema is documented for the families with OpenAI's
chat JSON, for imported models and for endpoints: there unknown keys are accepted, and known ones
are checked by their documented type and range.

    Malformed input request: #/max_gen_len: -1 is not greater or equal to 1, please reformat …
    max_tokens: Field required

To add a family, add a line to `GATES` under the name of its codec (`nova`, `llama/llama3`), with
the source of its keys and ranges. A codec without a line, as a third party's, is not validated. The
limits of output tokens belong to single models: see `limits`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import TypeAlias

from attrs import evolve, field, frozen

from axonflow_core.codec import FamilyCodec
from axonflow_core.messages import Json

from ..wire.endpoint import ServiceException, invalid_call

Path: TypeAlias = tuple[str | int, ...]


# ── shapes ────────────────────────────────────────────────────────────────────────────────────────


@frozen(kw_only=True)
class Shape:
    """Constraints of a JSON value. Without a `kind` every value is valid."""

    kind: str | None = None
    """A type of JSON Schema: `string`, `integer`, `number`, `boolean`, `array`, `object`."""
    members: Mapping[str, Shape] = field(factory=dict)
    required: tuple[str, ...] = ()
    is_open: bool = False
    """Whether an object may have other members."""
    opened_by: str | None = None
    """A member whose presence allows other members."""
    items: Shape | None = None
    most_items: int | None = None
    least: float | None = None
    most: float | None = None
    above: float | None = None
    """The exclusive lower bound."""
    choices: tuple[str, ...] = ()
    or_null: bool = False


ANYTHING = Shape()
"""Every value."""
TEXT = Shape(kind="string")
FLAG = Shape(kind="boolean")


def one_of(*choices: str) -> Shape:
    """A string that is one of `choices`."""
    return Shape(kind="string", choices=choices)


def whole(least: int | None = None, most: int | None = None) -> Shape:
    """A whole number within inclusive bounds."""
    return Shape(kind="integer", least=least, most=most)


def number(
    least: float | None = None, most: float | None = None, *, above: float | None = None
) -> Shape:
    """A number within inclusive bounds, or above an exclusive one."""
    return Shape(kind="number", least=least, most=most, above=above)


def listing(items: Shape = ANYTHING, *, most_items: int | None = None) -> Shape:
    """An array of `items`, with at most `most_items`."""
    return Shape(kind="array", items=items, most_items=most_items)


def record(
    members: Mapping[str, Shape],
    *,
    required: str = "",
    is_open: bool = False,
    opened_by: str | None = None,
) -> Shape:
    """The shape of an object; `required` are keys separated by blanks."""
    return Shape(
        kind="object",
        members=members,
        required=tuple(required.split()),
        is_open=is_open,
        opened_by=opened_by,
    )


# ── violations ────────────────────────────────────────────────────────────────────────────────────


class Constraint(Enum):
    """What a violation violates."""

    TYPE = "type"
    REQUIRED = "required"
    EXTRANEOUS = "extraneous"
    LEAST = "least"
    MOST = "most"
    ABOVE = "above"
    CHOICE = "choice"
    ITEMS = "items"


@frozen
class Violation:
    """One violation of a shape."""

    path: Path
    """The place; for a missing or extraneous key, that of its object."""
    constraint: Constraint
    wanted: Json
    """The type, key, bound or choices that the constraint requires."""
    found: Json = None


def violations(value: Json, shape: Shape, path: Path = ()) -> Iterator[Violation]:
    """The violations in `value`, outer ones first."""
    if value is None and shape.or_null:
        return
    if shape.kind is not None and not _IS_KIND[shape.kind](value):
        yield Violation(path, Constraint.TYPE, shape.kind, value)
        return
    if shape.choices and value not in shape.choices:
        yield Violation(path, Constraint.CHOICE, list(shape.choices), value)
    match value:
        case dict():
            yield from _in_object(value, shape, path)
        case list():
            yield from _in_list(value, shape, path)
        case int() | float():
            yield from _out_of_range(value, shape, path)


def _in_object(value: Mapping[str, Json], shape: Shape, path: Path) -> Iterator[Violation]:
    """Missing and extraneous keys, then the violations in each member."""
    for key in shape.required:
        if key not in value:
            yield Violation(path, Constraint.REQUIRED, key)
    if shape.kind and not shape.is_open and shape.opened_by not in value:
        for key in value:
            if key not in shape.members:
                yield Violation(path, Constraint.EXTRANEOUS, key)
    for key, member in shape.members.items():
        if key in value:
            yield from violations(value[key], member, (*path, key))


def _in_list(value: Sequence[Json], shape: Shape, path: Path) -> Iterator[Violation]:
    """Violations by the length of a list, then by each item, with its index in the path."""
    if shape.most_items is not None and len(value) > shape.most_items:
        yield Violation(path, Constraint.ITEMS, shape.most_items, len(value))
    for index, item in enumerate(value):
        yield from violations(item, shape.items or ANYTHING, (*path, index))


def _out_of_range(value: float, shape: Shape, path: Path) -> Iterator[Violation]:
    """Violations of inclusive (`least`, `most`) and exclusive (`above`) bounds."""
    if shape.least is not None and value < shape.least:
        yield Violation(path, Constraint.LEAST, shape.least, value)
    if shape.above is not None and value <= shape.above:
        yield Violation(path, Constraint.ABOVE, shape.above, value)
    if shape.most is not None and value > shape.most:
        yield Violation(path, Constraint.MOST, shape.most, value)


def _is_number(value: Json) -> bool:
    """JSON numbers only: in Python a bool is an int."""
    return isinstance(value, int | float) and not isinstance(value, bool)


_IS_KIND: Mapping[str, Callable[[Json], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: _is_number(value) and isinstance(value, int),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


# ── messages ──────────────────────────────────────────────────────────────────────────────────────

Formatter: TypeAlias = Callable[[Sequence[Violation]], str]
"""At least one violation -> the message of the refusal."""

_SCHEMA_WORDS: Mapping[Constraint, str] = {
    Constraint.TYPE: "expected type: {wanted}, found: {found}",
    Constraint.REQUIRED: "required key [{wanted}] not found",
    Constraint.EXTRANEOUS: "extraneous key [{wanted}] is not permitted",
    Constraint.LEAST: "{found} is not greater or equal to {wanted}",
    Constraint.MOST: "{found} is not less or equal to {wanted}",
    Constraint.ABOVE: "{found} is not greater than {wanted}",
    Constraint.CHOICE: "the value is not a valid enum value",
    Constraint.ITEMS: "expected maximum item count: {wanted}, found: {found}",
}
_SCHEMA_TYPES = {
    "string": "String",
    "integer": "Integer",
    "number": "Number",
    "boolean": "Boolean",
    "array": "JSONArray",
    "object": "JSONObject",
}


def all_by_pointer(found: Sequence[Violation]) -> str:
    """The message of Bedrock's JSON schemas: all violations, without a separator. Source: recorded
    traffic, public reports.
    """
    words = "".join(map(_pointed, found))
    return f"Malformed input request: {words}, please reformat your input and try again."


def _pointed(violation: Violation) -> str:
    """One violation in the words of Bedrock's schema messages, with a JSON pointer."""
    wanted, value = violation.wanted, violation.found
    if violation.constraint is Constraint.TYPE:
        wanted, value = _SCHEMA_TYPES[wanted], _schema_type(value)
    pointer = "".join(f"/{step}" for step in violation.path)
    return f"#{pointer}: {_SCHEMA_WORDS[violation.constraint].format(wanted=wanted, found=value)}"


def _schema_type(value: Json) -> str:
    """The schema validator's name of a value's type (it is a Java library's)."""
    if value is None:
        return "Null"
    return _SCHEMA_TYPES[next(kind for kind, fits in _IS_KIND.items() if fits(value))]


_CLAUDE_WORDS: Mapping[Constraint, str] = {
    Constraint.TYPE: "Input should be a valid {wanted}",
    Constraint.REQUIRED: "Field required",
    Constraint.EXTRANEOUS: "Extra inputs are not permitted",
    Constraint.LEAST: "Input should be greater than or equal to {wanted}",
    Constraint.MOST: "Input should be less than or equal to {wanted}",
    Constraint.ABOVE: "Input should be greater than {wanted}",
    Constraint.CHOICE: "Input should be {wanted}",
    Constraint.ITEMS: "List should have at most {wanted} items after validation, not {found}",
}
_CLAUDE_TYPES = {"array": "list", "object": "dictionary"}


def first_by_path(found: Sequence[Violation]) -> str:
    """The message of Anthropic's validation: the first violation, by its path. Source: recorded
    traffic, public reports.
    """
    first, wanted = found[0], found[0].wanted
    path = first.path
    match first.constraint:
        case Constraint.REQUIRED | Constraint.EXTRANEOUS:
            path = (*path, wanted)
        case Constraint.TYPE:
            wanted = _CLAUDE_TYPES.get(wanted, wanted)
        case Constraint.CHOICE:
            wanted = " or ".join(map(repr, wanted))
    words = _CLAUDE_WORDS[first.constraint].format(wanted=wanted, found=first.found)
    return f"{'.'.join(map(str, path))}: {words}"


# ── the gates ─────────────────────────────────────────────────────────────────────────────────────


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

_EITHER_OR: Mapping[str, tuple[str, str]] = {
    "anthropic.claude-sonnet-4-5": ("temperature", "top_p"),
    "anthropic.claude-haiku-4-5": ("temperature", "top_p"),
}
"""Prefix of base ids -> two parameters that exclude each other. Source: AWS user guide, November
2026."""


def pass_gate(codec: FamilyCodec, base_id: str, body: Json) -> None:
    """Raise `ServiceException`, with the family's message, where its gate refuses `body`."""
    gate = GATES.get(codec.name)
    if gate is None:
        return
    if found := list(violations(body, gate.shape)):
        raise invalid_call(gate.message(found))
    for prefix, pair in _EITHER_OR.items():
        if base_id.startswith(prefix) and all(key in body for key in pair):
            raise _not_both(*pair)


def _not_both(one: str, other: str) -> ServiceException:
    return invalid_call(
        f"`{one}` and `{other}` cannot both be specified for this model. Please use only one."
    )
