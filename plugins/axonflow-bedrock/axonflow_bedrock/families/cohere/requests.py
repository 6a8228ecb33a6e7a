"""A request of Command R: the history, the question, and the results of the tools that it is
about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from axonflow_core.codec import ModelFacts, call_id
from axonflow_core.codec.json_members import (
    arguments_of,
    array,
    string,
    unknown_members,
    without_none,
)
from axonflow_core.errors import EncodeError
from axonflow_core.messages import (
    CompletionRequest,
    Inference,
    Json,
    Message,
    Role,
    Text,
    Tool,
    ToolResult,
    ToolUse,
    joined_text,
    text_message,
    user,
)

from .tools import content_of, decode_tool, encode_tool, outputs_of

_ROLES = {"USER": Role.USER, "CHATBOT": Role.ASSISTANT}
_NAMES = {role: name for name, role in _ROLES.items()}

_SAMPLING = ("seed", "presence_penalty", "frequency_penalty")
"""Parameters whose native name is the attribute of `Inference`."""
_PARAMETERS = frozenset({"max_tokens", "temperature", "p", "k", "stop_sequences", *_SAMPLING})
OPTIONS = frozenset(
    {
        *("documents", "search_queries_only", "prompt_truncation"),
        *("return_prompt", "raw_prompting"),
    }
)
DROPPABLE_OPTIONS = frozenset({"prompt_truncation", "return_prompt"})
"""Options that change no meaning."""
REQUEST_KEYS = (
    _PARAMETERS | OPTIONS | {"message", "chat_history", "preamble", "tools", "tool_results"}
)
MESSAGE_KEYS = frozenset({"role", "message", "tool_calls", "tool_results"})
_CALL_KEYS = frozenset({"name", "parameters"})
RESULT_KEYS = frozenset({"call", "outputs"})


def decode_request(body: Mapping[str, Json], facts: ModelFacts) -> CompletionRequest:
    """A Command R body as a `CompletionRequest`: `message` and `chat_history` are its turns."""
    sampling: dict[str, Any] = {name: body.get(name) for name in _SAMPLING}
    calls = _Calls()
    preamble = body.get("preamble")
    messages = [_decode_message(native, calls) for native in body.get("chat_history") or ()]
    messages.append(user(string(body["message"])))
    if body.get("tool_results"):
        messages += _decode_exchange(body["tool_results"], calls)
    return CompletionRequest(
        messages=tuple(messages),
        system=() if preamble is None else (Text(string(preamble)),),
        inference=Inference(
            max_tokens=body.get("max_tokens"),
            temperature=body.get("temperature"),
            top_p=body.get("p"),
            top_k=body.get("k"),
            stop_sequences=tuple(array(body.get("stop_sequences") or [])),
            **sampling,
        ),
        tools=tuple(decode_tool(native) for native in body.get("tools") or ()),
        options={key: body[key] for key in OPTIONS if key in body},
        extra=unknown_members(body, REQUEST_KEYS),
    )


def encode_request(request: CompletionRequest, facts: ModelFacts) -> Json:
    """The Command R body of `request`."""
    inference = request.inference
    history, question, results = _parted(request.messages)
    optional = {
        "preamble": joined_text(request.system) if request.system else None,
        "chat_history": history or None,
        "message": question,
        "tools": [encode_tool(tool) for tool in request.tools if isinstance(tool, Tool)] or None,
        "tool_results": results or None,
        "max_tokens": inference.max_tokens,
        "temperature": inference.temperature,
        "p": inference.top_p,
        "k": inference.top_k,
        "stop_sequences": list(inference.stop_sequences) or None,
        **{name: getattr(inference, name) for name in _SAMPLING},
    }
    return {**without_none(optional), **request.options, **request.extra}


class _Calls:
    """The calls of a conversation in their order, to be found again by what answers them."""

    def __init__(self) -> None:
        self._count = 0
        self._by_id: dict[str, ToolUse] = {}
        self._unanswered: list[ToolUse] = []

    def add(self, block: ToolUse) -> None:
        self._count += 1
        self._by_id[block.id] = block  # ids begin anew in every answer, so the latest call is meant
        self._unanswered.append(block)

    def decode(self, native: Mapping[str, Json]) -> ToolUse:
        block = decode_call(native, self._count)
        self.add(block)
        return block

    def answered_by(self, native: Mapping[str, Json]) -> ToolUse:
        """The call that a result repeats."""
        # Two calls may be equal. Each result then takes the earliest that has none yet, which is
        # the order in which they were written.
        for place, block in enumerate(self._unanswered):
            if encode_call(block) == native:
                return self._unanswered.pop(place)
        raise ValueError("a tool result answers no call")

    def of(self, result: ToolResult) -> ToolUse:
        call = self._by_id.get(result.tool_use_id)
        if call is None:
            raise EncodeError(
                "Command R does not accept a tool result without the call that it answers",
                feature="tools",
                hint="send the message with the tool call before the one with its result",
            )
        return call


def decode_call(native: Mapping[str, Json], place: int) -> ToolUse:
    """A tool call. It has no id, so its place in the conversation gives one."""
    return ToolUse(
        call_id(place),
        string(native["name"]),
        arguments_of(native.get("parameters")),
        extra=unknown_members(native, _CALL_KEYS),
    )


def encode_call(block: ToolUse) -> dict[str, Json]:
    """A tool call without its id."""
    return {"name": block.name, "parameters": block.input, **block.extra}


def _decode_result(native: Mapping[str, Json], call: ToolUse) -> ToolResult:
    """`{"call": {…}, "outputs": [{…}]}`; a result refers to its call by repeating it, not by an
    id."""
    text = content_of(array(native["outputs"]))
    content = () if text is None else (Text(text),)
    return ToolResult(call.id, content, extra=unknown_members(native, RESULT_KEYS))


def _encode_result(block: ToolResult, call: ToolUse) -> Json:
    """The native result. An error is reported as an output `{"error": "…"}`."""
    content = joined_text(block.content) if block.content else None
    outputs = [{"error": content}] if block.is_error else outputs_of(content)
    return {"call": encode_call(call), "outputs": outputs, **block.extra}


def _decode_message(native: Mapping[str, Json], calls: _Calls) -> Message:
    if len(native) == 2 and "message" in native:  # nearly every message there is
        return text_message(_ROLES[native["role"]], string(native["message"]))
    extra = unknown_members(native, MESSAGE_KEYS)
    if native["role"] == "TOOL":
        results = array(native["tool_results"])
        return Message(
            Role.USER,
            tuple(_decode_result(result, calls.answered_by(result["call"])) for result in results),
            extra=extra,
        )
    made = tuple(calls.decode(call) for call in native.get("tool_calls") or ())
    spoken = (
        (Text(string(native["message"])),) if native.get("message") is not None or not made else ()
    )
    return Message(_ROLES[native["role"]], (*spoken, *made), extra=extra)


def _decode_exchange(
    natives: Sequence[Mapping[str, Json]], calls: _Calls
) -> tuple[Message, Message]:
    """The calls that the results repeat, and the results."""
    called = [calls.decode(native["call"]) for native in natives]
    results = tuple(
        _decode_result(native, call) for native, call in zip(natives, called, strict=True)
    )
    return Message(Role.ASSISTANT, tuple(called)), Message(Role.USER, results)


def _parted(messages: Sequence[Message]) -> tuple[list[Json], str, list[Json]]:
    """The history, the question, and the results of the exchange that the answer is to be about."""
    start = _start_of_exchange(messages)
    before, exchange = messages[:start], messages[start:]
    spoken = [
        block for message in exchange[1:] for block in message.content if isinstance(block, Text)
    ]
    question: Message | None = None
    # The API requires a `message` next to `tool_results`: the question that led to the calls.
    if not spoken and before and _is_spoken(before[-1]):
        *before, question = before
    calls = _Calls()
    history = [native for message in before for native in _encode_message(message, calls)]
    results = _encode_exchange(exchange, calls)
    return history, joined_text(tuple(spoken)) if question is None else question.text, results


def _start_of_exchange(messages: Sequence[Message]) -> int:
    """Where the calls stand that the last messages answer; the end where these answer none."""
    for place in range(len(messages) - 1, -1, -1):
        if messages[place].role is Role.ASSISTANT:
            is_called = any(isinstance(block, ToolUse) for block in messages[place].content)
            return place if is_called else len(messages)
    return len(messages)


def _is_spoken(message: Message) -> bool:
    return message.role is Role.USER and not any(
        isinstance(block, ToolResult) for block in message.content
    )


def _encode_exchange(exchange: Sequence[Message], calls: _Calls) -> list[Json]:
    """The results of the last tool calls, which go into `tool_results`. `EncodeError` for what that
    member cannot hold: text in the message of the calls, or a call without its result."""
    if not exchange:
        return []
    called, *answers = exchange
    if joined_text(called.content):
        _refuse("text in the message of the tool calls that are being answered")
    pending = [block for block in called.content if isinstance(block, ToolUse)]
    for block in pending:
        calls.add(block)
    results = [
        block for message in answers for block in message.content if isinstance(block, ToolResult)
    ]
    if {block.id for block in pending} - {block.tool_use_id for block in results}:
        _refuse("a tool call without its result")
    return [_encode_result(block, calls.of(block)) for block in results]


def _encode_message(message: Message, calls: _Calls) -> list[Json]:
    """A message of the history; its tool results in a message of their own."""
    only = message.content[0] if len(message.content) == 1 else None
    if type(only) is Text and not message.extra:  # nearly every message there is
        return [{"role": _NAMES[message.role], "message": only.text}]
    results, called, spoken = [], [], []
    for block in message.content:
        if isinstance(block, ToolResult):
            results.append(_encode_result(block, calls.of(block)))
        elif isinstance(block, ToolUse):
            calls.add(block)
            called.append(encode_call(block))
        elif isinstance(block, Text):
            spoken.append(block.text)
    natives: list[Json] = (
        [{"role": "TOOL", "tool_results": results, **message.extra}] if results else []
    )
    if spoken or called or not results:
        tool_calls = {"tool_calls": called} if called else {}
        words = {"message": "".join(spoken)} if spoken or not called else {}
        natives.append({"role": _NAMES[message.role], **words, **tool_calls, **message.extra})
    return natives


def _refuse(what: str) -> NoReturn:
    raise EncodeError(f"Command R does not accept {what}", feature="tools")
