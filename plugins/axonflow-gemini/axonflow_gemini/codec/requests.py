"""A request: contents, system instruction, tools and parameters.

    {"systemInstruction": {"parts": [{"text": "Be brief."}]},
     "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
     "generationConfig": {"maxOutputTokens": 99, "temperature": 0.5, "stopSequences": ["END"],
       "responseMimeType": "application/json", "responseJsonSchema": {…},
       "thinkingConfig": {"includeThoughts": true, "thinkingLevel": "low"}},
     "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {…}}]}],
     "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
     "safetySettings": […], "serviceTier": "flex"}

The API takes every name in snake case too (`system_instruction`), as protocol buffers do; it is
read, and written in camel case (`tidied`). Schemas stand in one of two members: JSON schema in
`parametersJsonSchema` and `responseJsonSchema`, which is what is written, or Google's own form in
`parameters` and `responseSchema`, whose types are in capitals. `schemas` reads those as JSON schema
and writes them back.

Reasoning is a budget or a level. 0 is the mode `disabled`, -1 (the model decides) `adaptive`; a
level is an effort. Thoughts are shown only where `includeThoughts` asks for it, so it is written
with every request for reasoning, unless the body that was read had another word.

Source: Gemini API reference, "GenerateContentRequest", "GenerationConfig", "ThinkingConfig",
November 2026; google-genai 3.6.1, `models._GenerateContentConfig_to_mldev`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from axonflow_core.codec import ModelFacts
from axonflow_core.codec.json_members import (
    UnexpectedKind,
    array,
    kind_of,
    object_in,
    prefixed,
    split_prefixed,
    string,
    unknown_members,
    without_none,
)
from axonflow_core.errors import EncodeError
from axonflow_core.frozen import evolve
from axonflow_core.messages import (
    EMPTY,
    BuiltinTool,
    CachePoint,
    CompletionRequest,
    Inference,
    Json,
    Message,
    OutputSchema,
    Reasoning,
    ReasoningRequest,
    Role,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    ToolUse,
)

from .names import tidied
from .parts import DIALECT, Calls, decode_parts, encode_parts
from .schemas import SCHEMA_KEYS, decode_schema, encode_schema

_CONFIG_OPTIONS = frozenset(
    "candidateCount responseModalities speechConfig mediaResolution imageConfig responseLogprobs "
    "logprobs enableEnhancedCivicAnswers audioTranscriptionConfig".split()
)
"""Options that stand in `generationConfig`."""
_BODY_OPTIONS = frozenset({"safetySettings", "cachedContent", "labels", "store"})
OPTIONS = _CONFIG_OPTIONS | _BODY_OPTIONS | {"allowedFunctionNames", "retrievalConfig"}
"""Documented parameters without a neutral name, each under its own."""
DROPPABLE_OPTIONS = frozenset(
    "safetySettings mediaResolution enableEnhancedCivicAnswers labels store".split()
)
"""Options that change no meaning: thresholds of Google's filters, how finely pictures are read,
what is logged, and under which labels it is billed. These are no metadata: Google refuses most
names of users as labels."""

_REQUEST_KEYS = _BODY_OPTIONS | frozenset(
    "contents systemInstruction generationConfig tools toolConfig serviceTier model".split()
)
SKIP_SIGNATURE = "skip_thought_signature_validator"
"""What Gemini 3 takes in place of a signature that was never there: the history of another model
(Gemini API, "Thought signatures", FAQ, November 2026)."""


def decode_request(body: Mapping[str, Json], facts: ModelFacts) -> CompletionRequest:
    """A body of `generateContent` as a `CompletionRequest`."""
    body = tidied(body)
    config = _object(body, "generationConfig")
    tool_config = _object(body, "toolConfig")
    calls = Calls()
    instruction = _object(body, "systemInstruction")
    reasoning, thinking_spelling = _decode_reasoning(_object(config, "thinkingConfig"))
    choice, names, tool_extra = _decode_tool_config(tool_config)
    return CompletionRequest(
        messages=tuple([_decode_content(each, calls) for each in array(body["contents"])]),
        system=decode_parts(instruction.get("parts"), Calls()),
        inference=_decode_inference(config),
        tools=_decode_tools(body.get("tools") or []),
        tool_choice=choice,
        reasoning=reasoning,
        output_schema=_decode_output(config),
        service_tier=body.get("serviceTier"),
        options={**_options_in(body, config, tool_config), **names},
        extra={
            **unknown_members(body, _REQUEST_KEYS),
            **prefixed(_INSTRUCTION, unknown_members(instruction, _CONTENT_KEYS)),
            **tool_extra,
        },
        # Clients give the instruction a role, which says nothing.
        spelling={**without_none({"systemRole": instruction.get("role")}), **thinking_spelling},
    )


def encode_request(request: CompletionRequest, facts: ModelFacts) -> dict[str, Json]:
    """The body of `request`; the model stands in the URL."""
    calls = Calls()
    extra, in_tool_config, in_system = split_prefixed(request.extra, "toolConfig", _INSTRUCTION)
    signed = _needs_signatures(facts)
    optional = {
        _INSTRUCTION: _encode_system(request, in_system),
        "generationConfig": _encode_config(request) or None,
        "tools": _encode_tools(request.tools) or None,
        "toolConfig": {**_encode_tool_config(request), **in_tool_config} or None,
        "serviceTier": request.service_tier,
        **{key: request.options[key] for key in _BODY_OPTIONS & request.options.keys()},
    }
    messages = map(_with_signature, request.messages) if signed else request.messages
    return {
        "contents": [_encode_content(message, calls) for message in messages],
        **without_none(optional),
        **extra,
    }


def _object(native: Mapping[str, Json], key: str) -> Mapping[str, Json]:
    """A member that is an object, or absent."""
    return EMPTY if native.get(key) is None else object_in(native, key)


def _options_in(
    body: Mapping[str, Json], config: Mapping[str, Json], tool_config: Mapping[str, Json]
) -> dict[str, Json]:
    found = {key: body.get(key) for key in _BODY_OPTIONS}
    found |= {key: config.get(key) for key in _CONFIG_OPTIONS & config.keys()}
    found["retrievalConfig"] = tool_config.get("retrievalConfig")
    return without_none(found)


# ── contents ──────────────────────────────────────────────────────────────────────────────────────

_ROLES: Mapping[Json, Role] = {
    None: Role.USER,
    "user": Role.USER,
    "model": Role.ASSISTANT,
    "function": Role.USER,
}
"""A content without a role is the user's, as is the older `function`."""
_NATIVE_ROLES = {Role.USER: "user", Role.ASSISTANT: "model"}
_CONTENT_KEYS = frozenset({"role", "parts"})
_INSTRUCTION = "systemInstruction"


def _decode_content(native: Json, calls: Calls) -> Message:
    if not isinstance(native, dict):
        raise UnexpectedKind("an object", kind_of(native), "contents")
    name = native.get("role")
    word = name.lower() if isinstance(name, str) else name
    if not isinstance(word, str | None) or word not in _ROLES:
        raise ValueError("a content is the user's or the model's")
    role = _ROLES[word]
    spelling = EMPTY if _NATIVE_ROLES[role] == name else {"role": name or "absent"}
    content = decode_parts(native.get("parts"), calls)
    return Message(role, content, extra=unknown_members(native, _CONTENT_KEYS), spelling=spelling)


def _encode_content(message: Message, calls: Calls) -> dict[str, Json]:
    name = _NATIVE_ROLES.get(message.role)
    if name is None:
        raise EncodeError(
            "Gemini has no system message in mid-conversation",
            feature="mid_system",
            hint="say it in `system`, or as the user",
        )
    spelled = message.spelling.get("role")
    is_spelled = isinstance(spelled, str) and _ROLES.get(spelled.lower()) is message.role
    role = {} if spelled == "absent" else {"role": spelled if is_spelled else name}
    if spelled == "absent" and message.role is not Role.USER:
        role = {"role": name}
    return {**role, "parts": encode_parts(message.content, calls), **message.extra}


def _encode_system(request: CompletionRequest, beside: Mapping[str, Json]) -> Json:
    parts = {"parts": encode_parts(request.system, Calls())} if request.system else {}
    role = without_none({"role": request.spelling.get("systemRole")}) if parts or beside else {}
    return {**role, **parts, **beside} or None


def _needs_signatures(facts: ModelFacts) -> bool:
    return facts.reasoning is not None and facts.reasoning.opens_calls


def _with_signature(message: Message) -> Message:
    """A turn of the model's whose first call has a signature, or the word that none is due."""
    if message.role is not Role.ASSISTANT:
        return message
    calls = [place for place, one in enumerate(message.content) if isinstance(one, ToolUse)]
    if not calls:
        return message
    first = calls[0]
    before = message.content[first - 1] if first else None
    if isinstance(before, Reasoning) and before.signature is not None and not before.text:
        return message
    skip = Reasoning("", SKIP_SIGNATURE)
    return evolve(message, content=(*message.content[:first], skip, *message.content[first:]))


# ── parameters ────────────────────────────────────────────────────────────────────────────────────

_NUMBERS = {
    "maxOutputTokens": "max_tokens",
    "temperature": "temperature",
    "topP": "top_p",
    "topK": "top_k",
    "seed": "seed",
    "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
}
"""Key of `generationConfig` -> attribute of `Inference`."""
_OUTPUT_KEYS = frozenset({"responseMimeType", *SCHEMA_KEYS})
_CONFIG_KEYS = frozenset({*_NUMBERS, "stopSequences", "thinkingConfig"}) | _CONFIG_OPTIONS
_TYPE = "responseMimeType"
_PLAIN, _JSON = "text/plain", "application/json"


def _decode_inference(config: Mapping[str, Json]) -> Inference:
    numbers: dict[str, Any] = {name: config.get(key) for key, name in _NUMBERS.items()}
    stops = config.get("stopSequences")
    type_ = config.get(_TYPE)
    has_output = type_ == _JSON or any(config.get(key) is not None for key in SCHEMA_KEYS)
    return Inference(
        **numbers,
        stop_sequences=() if stops is None else tuple(array(stops)),
        extra=unknown_members(config, _CONFIG_KEYS | _OUTPUT_KEYS),
        spelling=EMPTY if type_ is None or has_output else {"type": string(type_, _TYPE)},
    )


def _encode_config(request: CompletionRequest) -> dict[str, Json]:
    inference = request.inference
    numbers = {key: getattr(inference, name) for key, name in _NUMBERS.items()}
    options = {key: request.options[key] for key in _CONFIG_OPTIONS & request.options.keys()}
    output = _encode_output(request.output_schema)
    return without_none(
        {
            **numbers,
            "stopSequences": list(inference.stop_sequences) or None,
            "thinkingConfig": _encode_reasoning(request),
            **(output or {_TYPE: inference.spelling.get("type")}),
            **options,
            **inference.extra,
        }
    )


def _decode_output(config: Mapping[str, Json]) -> OutputSchema | None:
    """The JSON that the answer is to be; any other type of answer is a spelling of `Inference`."""
    type_ = config.get(_TYPE)
    key = next((key for key in SCHEMA_KEYS if config.get(key) is not None), None)
    if key is None:
        return OutputSchema() if type_ == _JSON else None
    schema, spelling = decode_schema(object_in(config, key), key)
    spelled = {} if type_ == _JSON else {"type": "absent" if type_ is None else type_}
    return OutputSchema(schema, spelling={**spelling, **spelled})


def _encode_output(asked: OutputSchema | None) -> dict[str, Json]:
    if asked is None:
        return {}
    if asked.schema is None:
        return {_TYPE: _JSON}
    type_ = asked.spelling.get("type", _JSON)
    key, schema = encode_schema(asked.schema, asked.spelling, "responseJsonSchema")
    return {**({} if type_ == "absent" else {_TYPE: type_}), key: schema, **asked.extra}


# ── reasoning ─────────────────────────────────────────────────────────────────────────────────────

_THINKING_KEYS = frozenset({"includeThoughts", "thinkingBudget", "thinkingLevel"})
_MODES = {0: "disabled", -1: "adaptive"}
_BUDGETS = {mode: budget for budget, mode in _MODES.items()}


def _decode_reasoning(
    native: Mapping[str, Json],
) -> tuple[ReasoningRequest | None, Mapping[str, Json]]:
    """The request for reasoning, and how it was written."""
    native = without_none(native)
    if not native:
        return None, EMPTY
    budget, level = native.get("thinkingBudget"), native.get("thinkingLevel")
    shows = native.get("includeThoughts")
    spelling: dict[str, Json] = {}
    effort = None if level is None else string(level, "thinkingLevel").lower()
    if level != effort:
        spelling["thinkingLevel"] = level
    mode = _MODES.get(budget) if type(budget) is int else None
    if mode is None and (budget is not None or (shows is True and effort is None)):
        mode = "enabled"
    if shows is not _shows_unasked(mode):
        spelling["includeThoughts"] = "absent" if shows is None else shows
    asked = ReasoningRequest(
        mode,
        None if mode in _BUDGETS else budget,
        effort,
        extra=unknown_members(native, _THINKING_KEYS),
    )
    return asked, spelling


def _shows_unasked(mode: str | None) -> bool | None:
    """What is written as `includeThoughts` without a word about it."""
    return None if mode == "disabled" else True


def _encode_reasoning(request: CompletionRequest) -> Json:
    asked, spelling = request.reasoning, request.spelling
    if asked is None:
        return None
    is_off = asked.mode == "disabled" or asked.effort == "none"
    shows = spelling.get("includeThoughts", _shows_unasked("disabled" if is_off else asked.mode))
    level: Json = None if asked.effort == "none" else asked.effort
    spelled = spelling.get("thinkingLevel")
    if isinstance(spelled, str) and spelled.lower() == level:
        level = spelled
    budget = 0 if is_off else _BUDGETS.get(asked.mode or "", asked.budget_tokens)
    members = {
        "includeThoughts": None if shows == "absent" else shows,
        "thinkingBudget": budget,
        "thinkingLevel": level,
    }
    return {**without_none(members), **asked.extra}


# ── tools ─────────────────────────────────────────────────────────────────────────────────────────

_DECLARATIONS = "functionDeclarations"
_TOOL_KEYS = frozenset({"name", "description", "parameters", "parametersJsonSchema"})


def _decode_tools(natives: Json) -> tuple[Tool | BuiltinTool, ...]:
    """The functions of the caller, and Google's own tools: `{"googleSearch": {}}`."""
    tools: list[Tool | BuiltinTool] = []
    for native in array(natives, "tools"):
        for key, value in without_none(native).items():
            if key == _DECLARATIONS:
                tools += [_decode_function(each) for each in array(value, _DECLARATIONS)]
            else:
                tools.append(_decode_builtin(key, value))
    return tuple(tools)


def _decode_function(native: Mapping[str, Json]) -> Tool:
    key = next((key for key in SCHEMA_KEYS if native.get(key) is not None), None)
    schema, spelling = (None, EMPTY) if key is None else decode_schema(object_in(native, key), key)
    return Tool(
        string(native["name"], "name"),
        native.get("description"),
        schema,
        spelling=spelling,
        extra=unknown_members(native, _TOOL_KEYS),
    )


def _decode_builtin(key: str, value: Json) -> BuiltinTool:
    """A tool of Google's; its settings are the value, under an empty name where it is no object."""
    if not isinstance(value, dict):
        return BuiltinTool(DIALECT, key, key, {"": value})
    name = value.get("name")
    if not isinstance(name, str):
        return BuiltinTool(DIALECT, key, key, value)
    return BuiltinTool(DIALECT, key, name, unknown_members(value, frozenset({"name"})))


def _encode_tools(tools: Iterable[Tool | BuiltinTool | CachePoint]) -> list[Json]:
    """The functions that stand together as one tool, each of Google's as one."""
    natives: list[Json] = []
    for tool in tools:
        if isinstance(tool, Tool):
            if not natives or _DECLARATIONS not in natives[-1]:
                natives.append({_DECLARATIONS: []})
            natives[-1][_DECLARATIONS].append(_encode_function(tool))
        elif isinstance(tool, BuiltinTool):
            named = {} if tool.name == tool.type else {"name": tool.name}
            is_bare = tool.settings.keys() == {""}
            natives.append(
                {tool.type: tool.settings[""] if is_bare else {**tool.settings, **named}}
            )
    return natives


def _encode_function(tool: Tool) -> dict[str, Json]:
    native: dict[str, Json] = {"name": tool.name}
    if tool.description is not None:
        native["description"] = tool.description
    if tool.input_schema is not None:
        key, schema = encode_schema(tool.input_schema, tool.spelling, "parametersJsonSchema")
        native[key] = schema
    return {**native, **tool.extra}


_TOOL_CONFIG_KEYS = frozenset({"functionCallingConfig", "retrievalConfig"})
_CHOICE_KEYS = frozenset({"mode", "allowedFunctionNames"})
_CHOICES = {
    "AUTO": ToolChoiceMode.AUTO,
    "ANY": ToolChoiceMode.ANY,
    "NONE": ToolChoiceMode.NONE,
    "VALIDATED": ToolChoiceMode.AUTO,
    "MODE_UNSPECIFIED": ToolChoiceMode.AUTO,
}
"""`VALIDATED` leaves the choice to the model, and holds its calls to their schemas."""
_MODES_OF_CHOICE = {
    ToolChoiceMode.AUTO: "AUTO",
    ToolChoiceMode.ANY: "ANY",
    ToolChoiceMode.TOOL: "ANY",
    ToolChoiceMode.NONE: "NONE",
}


def _decode_tool_config(
    native: Mapping[str, Json],
) -> tuple[ToolChoice | None, Mapping[str, Json], Mapping[str, Json]]:
    """The choice, the names of the functions among which it is where they are no choice of one,
    and what else there is."""
    extra = prefixed("toolConfig", unknown_members(native, _TOOL_CONFIG_KEYS))
    config = without_none(_object(native, "functionCallingConfig"))
    if not config:
        return None, EMPTY, extra
    word, names = config.get("mode"), config.get("allowedFunctionNames")
    mode = ToolChoiceMode.AUTO if word is None else _CHOICES[string(word, "mode").upper()]
    beside = unknown_members(config, _CHOICE_KEYS)
    if mode is ToolChoiceMode.ANY and isinstance(names, list) and len(names) == 1:
        return _spelled_choice(ToolChoiceMode.TOOL, word, string(names[0]), beside), EMPTY, extra
    listed = EMPTY if names is None else {"allowedFunctionNames": names}
    return _spelled_choice(mode, word, None, beside), listed, extra


def _spelled_choice(
    mode: ToolChoiceMode, word: Json, name: str | None, extra: Mapping[str, Json]
) -> ToolChoice:
    is_usual = word == _MODES_OF_CHOICE[mode]
    spelling = EMPTY if is_usual else {"mode": "absent" if word is None else word}
    return ToolChoice(mode, name, extra=extra, spelling=spelling)


def _encode_tool_config(request: CompletionRequest) -> dict[str, Json]:
    choice, names = request.tool_choice, request.options.get("allowedFunctionNames")
    config: dict[str, Json] = {}
    if choice is not None:
        config = _encode_choice(choice)
    if names is not None:
        config["allowedFunctionNames"] = names
    retrieval = request.options.get("retrievalConfig")
    return {
        **({"functionCallingConfig": config} if config else {}),
        **without_none({"retrievalConfig": retrieval}),
    }


def _encode_choice(choice: ToolChoice) -> dict[str, Json]:
    if choice.allows_parallel is not None:
        raise EncodeError(
            "Gemini has no word for parallel calls of tools",
            feature="tool_choice",
            hint="leave `allows_parallel` out",
        )
    word = choice.spelling.get("mode")
    usual = _MODES_OF_CHOICE[choice.mode]
    is_spelled = isinstance(word, str) and (
        word == "absent" or _CHOICES.get(word.upper()) in (choice.mode, ToolChoiceMode.ANY)
    )
    mode: dict[str, Json] = {} if word == "absent" else {"mode": word if is_spelled else usual}
    names = {} if choice.name is None else {"allowedFunctionNames": [choice.name]}
    return {**mode, **names, **choice.extra}
