"""Messages: text, pictures, reasoning, tool calls and their results.

    {"role": "user", "content": "What is this?", "images": ["iVBORw0…"]}
    {"role": "assistant", "content": "", "thinking": "A tool knows.",
     "tool_calls": [{"id": "call_x7", "function": {"index": 0, "name": "f", "arguments": {…}}}]}
    {"role": "tool", "content": "rain", "tool_name": "f", "tool_call_id": "call_x7"}

Theory of operation. Three things differ in shape from the neutral model.

*Which result belongs to which call.* Servers since the end of 2025 give a call an `id`, and take a
`tool_call_id`; older ones have neither, and Ollama's own Python client leaves both out. Then a
result belongs to a call by its `tool_name`, or by its place. So `Calls` keeps the calls of a
conversation while it is read, or written:

    a result with `tool_call_id`    the call of that id
    one with `tool_name` alone      the first call of that name that has no result yet
    one with neither                the first call that has no result yet

A call without an id gets one by its place in the conversation (`call_1`), and `spelling` says that
it had none: it is written without one, and so is its result. A result that is written always names
its tool, if the conversation knows it: templates of models ask for the name and never for the id.

*`content` is always there.* A message of pictures, reasoning or calls alone has `""` beside them,
which is then no text. A message that leaves it out (Ollama's Python client does) says so in
`spelling`.

*Slots, not blocks.* A message has one text, one reasoning, a list of pictures and a list of calls.
Several texts are joined. Pictures come before the text, as the server puts them into the prompt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from axonflow_core.codec import call_id
from axonflow_core.codec.json_members import (
    UnexpectedKind,
    arguments_of,
    array,
    kind_of,
    object_in,
    prefixed,
    split_prefixed,
    string,
    unknown_members,
)
from axonflow_core.errors import EncodeError
from axonflow_core.media import MediaKind, type_of_base64
from axonflow_core.messages import (
    EMPTY,
    ContentBlock,
    Image,
    Json,
    Media,
    Message,
    Reasoning,
    Role,
    Text,
    ToolResult,
    ToolUse,
    joined_text,
)

MESSAGE_KEYS = frozenset(
    {"role", "content", "thinking", "images", "tool_calls", "tool_name", "tool_call_id"}
)
CALL_KEYS = frozenset({"id", "function"})
FUNCTION_KEYS = frozenset({"index", "name", "arguments"})

ABSENT = "absent"
"""In a `spelling`: the member was not there, where we would write it."""
WRITTEN = "written"
"""In a `spelling`: the member was there, where we would leave it out."""
_NO_ID: Mapping[str, Json] = {"id": ABSENT}
_NO_CONTENT: Mapping[str, Json] = {"content": ABSENT}

_ROLES: Mapping[str, Role] = {
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "system": Role.SYSTEM,
}


class Calls:
    """The calls of one conversation in their order, and which of them have no result yet."""

    def __init__(self) -> None:
        self._count = 0
        self._by_id: dict[str, ToolUse] = {}
        self._unanswered: list[ToolUse] = []
        self._is_answering = False

    def next_id(self) -> str:
        """An id for what has none: its place in the conversation."""
        self._count += 1
        return call_id(self._count - 1)

    def add(self, call: ToolUse) -> None:
        """A call of the conversation. The first one after a result begins a new round: calls that
        were left without a result get none any more."""
        if self._is_answering:
            self._unanswered.clear()
            self._is_answering = False
        self._by_id[call.id] = call
        self._unanswered.append(call)

    def of_id(self, id: str) -> ToolUse | None:
        """The call of that id; the latest, where ids begin anew in every answer."""
        call = self._by_id.get(id)
        return None if call is None else self._answered(call)

    def of_name(self, name: str | None) -> ToolUse | None:
        """The first call that has no result yet: of a tool of that name, or of any (None)."""
        for call in self._unanswered:
            if name in (None, call.name):
                return self._answered(call)
        return None

    def _answered(self, call: ToolUse) -> ToolUse:
        self._is_answering = True
        self._unanswered = [other for other in self._unanswered if other is not call]
        return call


# ── reading ───────────────────────────────────────────────────────────────────────────────────────


def decode_messages(natives: Iterable[Mapping[str, Json]]) -> tuple[Message, ...]:
    """The messages of a conversation, each result with the id of its call."""
    calls = Calls()
    return tuple([decode_message(native, calls) for native in natives])


def decode_message(native: Mapping[str, Json], calls: Calls) -> Message:
    """One message. A `tool` message is a user's message with one `ToolResult`."""
    name, content = native["role"], native.get("content")
    if name == "tool":
        return _decode_result(native, calls)
    role = _ROLES.get(name) if isinstance(name, str) else None
    if role is None:
        found = "another" if isinstance(name, str) else kind_of(name)
        raise UnexpectedKind("a documented role", found, "role")
    if type(content) is str and len(native) == 2:  # nearly every message there is
        return Message(role, (Text(content),))
    blocks = (*_decode_slots(native), *_decode_calls(native, calls))
    return Message(
        role,
        blocks,
        extra=unknown_members(native, MESSAGE_KEYS),
        spelling=_NO_CONTENT if content is None else EMPTY,
    )


def _decode_slots(native: Mapping[str, Json]) -> tuple[ContentBlock, ...]:
    """Reasoning, pictures and text, in this order. An empty `content` next to anything else is no
    text."""
    thought, content = native.get("thinking"), native.get("content")
    blocks: list[ContentBlock] = [] if thought is None else [Reasoning(string(thought))]
    blocks += map(decode_image, array(native.get("images") or []))
    is_alone = not blocks and not native.get("tool_calls")
    if content or (content is not None and is_alone):
        blocks.append(Text(string(content)))
    return tuple(blocks)


def decode_image(data: Json) -> Image:
    """A picture of bare base64. Its type is that of its first bytes."""
    return Image(Media(MediaKind.BASE64, string(data), type_of_base64(data)))


def _decode_calls(native: Mapping[str, Json], calls: Calls) -> list[ToolUse]:
    made = array(native.get("tool_calls") or [])
    return [decode_call(call, place, calls) for place, call in enumerate(made)]


def decode_call(native: Mapping[str, Json], place: int, calls: Calls) -> ToolUse:
    """One tool call, the number `place` of its message, from 0."""
    function, index = object_in(native, "function"), native["function"].get("index")
    id = native.get("id") or None
    number = calls.next_id()
    spelling = EMPTY if id is not None else _NO_ID
    if index != place or type(index) is not int:
        spelling = {**spelling, "index": ABSENT if index is None else index}
    inside = unknown_members(function, FUNCTION_KEYS)
    call = ToolUse(
        number if id is None else string(id),
        string(function["name"]),
        arguments_of(function.get("arguments")),
        extra={**unknown_members(native, CALL_KEYS), **prefixed("function", inside)},
        spelling=spelling,
    )
    calls.add(call)
    return call


def _decode_result(native: Mapping[str, Json], calls: Calls) -> Message:
    """A `tool` message. `name` is its tool's name, where that is not the one of its call."""
    id, name = native.get("tool_call_id") or None, native.get("tool_name")
    call = calls.of_name(name) if id is None else calls.of_id(string(id))
    known = None if call is None else call.id
    result = ToolResult(
        id or known or calls.next_id(),
        _decode_slots(native),
        name=None if call is not None and name == call.name else name,
        spelling=_result_spelling(native, call),
    )
    return Message(Role.USER, (result,), extra=unknown_members(native, MESSAGE_KEYS))


def _result_spelling(native: Mapping[str, Json], call: ToolUse | None) -> Mapping[str, Json]:
    """How a result was written, where we would write it in another way."""
    spelling: dict[str, Json] = {}
    has_id = bool(native.get("tool_call_id"))
    if has_id is not _is_id_written(call):
        spelling["id"] = WRITTEN if has_id else ABSENT
    if call is not None and native.get("tool_name") is None:
        spelling["name"] = ABSENT
    if native.get("content") is None:
        spelling["content"] = ABSENT
    return spelling or EMPTY


def _is_id_written(call: ToolUse | None) -> bool:
    """Whether the result of `call` has its id: not where the call has none."""
    return call is None or call.spelling.get("id") != ABSENT


# ── writing ───────────────────────────────────────────────────────────────────────────────────────


def encode_messages(messages: Iterable[Message]) -> list[Json]:
    """The native messages, each result as one of its own."""
    calls = Calls()
    return [native for message in messages for native in encode_message(message, calls)]


def encode_message(message: Message, calls: Calls) -> list[dict[str, Json]]:
    """A message, its tool results first, as messages of their own."""
    only = message.content[0] if len(message.content) == 1 else None
    if type(only) is Text and not message.extra:  # nearly every message there is
        return [{"role": str(message.role), "content": only.text}]
    results = [block for block in message.content if isinstance(block, ToolResult)]
    natives = [_encode_result(block, message, calls) for block in results]
    others = [block for block in message.content if not isinstance(block, ToolResult)]
    if others or not results:
        native: dict[str, Json] = {"role": str(message.role), **_encode_slots(others)}
        if message.spelling.get("content") == ABSENT and not native["content"]:
            del native["content"]
        made = [block for block in others if isinstance(block, ToolUse)]
        if made:
            native["tool_calls"] = encode_calls(made, calls)
        natives.append({**native, **message.extra})
    return natives


def _encode_slots(blocks: Sequence[ContentBlock]) -> dict[str, Json]:
    """The text, the reasoning and the pictures of a message. Redacted reasoning and signatures are
    left out: only the vendor that made them can read them."""
    thoughts = [
        block.text for block in blocks if isinstance(block, Reasoning) and block.redacted is None
    ]
    images = [encode_image(block) for block in blocks if isinstance(block, Image)]
    return {
        "content": joined_text(tuple(blocks)),
        **({"thinking": "\n".join(thoughts)} if thoughts else {}),
        **({"images": images} if images else {}),
    }


def encode_image(block: Image) -> str:
    """The base64 of a picture. `EncodeError` where it is somewhere else."""
    if block.source.kind is not MediaKind.BASE64:
        raise EncodeError(
            f"ollama takes a picture as its bytes, and not as a {block.source.kind}",
            feature="images",
            hint="give the bytes: `Image(Path(…).read_bytes())`",
        )
    return block.source.data


def encode_calls(made: Sequence[ToolUse], calls: Calls, first: int = 0) -> list[Json]:
    """The calls of a message, or some of them; `first` is the place of the first."""
    natives = []
    for place, block in enumerate(made, first):
        calls.add(block)
        natives.append(_encode_call(block, place))
    return natives


def _encode_call(block: ToolUse, place: int) -> Json:
    extra, in_function = split_prefixed(block.extra, "function")
    index = block.spelling.get("index", place)
    return {
        **({} if block.spelling.get("id") == ABSENT or not block.id else {"id": block.id}),
        "function": {
            **({} if index == ABSENT else {"index": index}),
            "name": block.name,
            "arguments": block.input,
            **in_function,
        },
        **extra,
    }


def _encode_result(block: ToolResult, message: Message, calls: Calls) -> dict[str, Json]:
    """The `tool` message of a result, with the name of its tool where it is known. A failed tool's
    text begins with `error: `, because Ollama has no flag for it and the model should know."""
    call, spelling = calls.of_id(block.tool_use_id), block.spelling
    slots = _encode_slots(block.content)
    if block.is_error:
        slots["content"] = f"error: {slots['content']}"
    if spelling.get("content") == ABSENT and not slots["content"]:
        del slots["content"]
    name = block.name
    if name is None and call is not None and spelling.get("name") != ABSENT:
        name = call.name
    has_id = spelling.get("id", WRITTEN if _is_id_written(call) else ABSENT) == WRITTEN
    return {
        "role": "tool",
        **slots,
        **({} if name is None else {"tool_name": name}),
        **({"tool_call_id": block.tool_use_id} if has_id else {}),
        **block.extra,
        **message.extra,
    }
