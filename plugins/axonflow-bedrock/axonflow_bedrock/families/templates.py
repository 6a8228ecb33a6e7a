"""Prompt templates: a conversation as one string, and back.

A template family takes no messages: somebody must write the turns into one prompt with the family's own tokens. A
`Template` does it in both directions. What `parse` makes of a prompt counts only if `render` gives that very prompt
back; any other prompt is *raw*: one user message, marked `is_raw_prompt`, that goes out as it came in.

`render` is total over roles. What a template has no place for it folds into the text beside it, two line feeds between:
consecutive messages of one role, and the system text of a family that knows none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from attrs import field, frozen

from axonflow_core.control_tokens import held_token, refuse_forged_turns, slots_of
from axonflow_core.messages import CompletionRequest, Image, Message, Role, Text, joined_text

FOLD = "\n\n"
_ROLES: Mapping[str, Role] = {role.value: role for role in Role}
_USER, _ASSISTANT = Role.USER, Role.ASSISTANT
"""For loops: in Python 3.11 a member costs 0.1 us whenever it is taken from its class."""

Turn: TypeAlias = tuple[Role, str]


@frozen
class Conversation:
    """What a template can say. `system` is None where there is none; an empty one is something else."""

    system: str | None
    turns: tuple[Turn, ...]

    def texts(self) -> list[str]:
        return [self.system or "", *[text for _, text in self.turns]]


@frozen
class Template:
    arrange: Callable[[Conversation], Conversation]
    """Folds what the template has no place for."""
    render: Callable[[Conversation], str]
    parse: Callable[[str], Conversation | None]
    tokens: tuple[str, ...]
    """The control tokens: no text of a turn may hold one."""


def prompt_of(request: CompletionRequest, template: Template, family: str) -> str:
    """The prompt that says `request`; `EncodeError` if folding its texts would forge a turn."""
    if request.is_raw_prompt:
        return "".join(message.text for message in request.messages)
    conversation = _conversation_of(request)
    arranged = template.arrange(conversation)
    if arranged is not conversation:  # texts that are harmless apart may be a token together
        refuse_forged_turns(family, template.tokens, arranged.texts())
    return template.render(arranged)


def request_of(
    prompt: str, template: Template, images: tuple[Image, ...] = (), image_token: str = "", **beside: Any
) -> CompletionRequest:
    """The conversation in `prompt`, or the prompt as it is; each of `images` has its token at the head of a turn.

    `beside` is what the request says besides.
    """
    conversation = template.parse(prompt)
    if conversation is not None and template.render(conversation) == prompt:
        messages = _messages_of(conversation, images, image_token)
        if messages is not None:
            system = () if conversation.system is None else (Text(conversation.system),)
            request = CompletionRequest(messages, system, **beside)
            if held_token(template.tokens, slots_of(request)) is None:
                return request
    return CompletionRequest((Message(Role.USER, (Text(prompt), *images)),), is_raw_prompt=True, **beside)


def _messages_of(conversation: Conversation, images: tuple[Image, ...], token: str) -> tuple[Message, ...] | None:
    """The turns with their pictures; None where pictures and tokens do not match."""
    if not images:
        return tuple([Message(role, (Text(text),)) for role, text in conversation.turns])
    left, messages = list(images), []
    for role, text in conversation.turns:
        shown: list[Image] = []
        while left and text.startswith(token):
            text = text.removeprefix(token)
            shown.append(left.pop(0))
        messages.append(Message(role, (*shown, Text(text))))
    return None if left else tuple(messages)


def _conversation_of(request: CompletionRequest) -> Conversation:
    system = joined_text(request.system) if request.system else None
    return Conversation(system, tuple([(message.role, joined_text(message.content)) for message in request.messages]))


def as_given(conversation: Conversation) -> Conversation:
    """For a template that takes any roles in any order."""
    return conversation


def alternating(conversation: Conversation) -> Conversation:
    """User and assistant in turn, user first: equal neighbours become one, a leading assistant gets an empty user."""
    turns: list[Turn] = []
    for turn in conversation.turns:
        role, text = turn
        if turns and turns[-1][0] is role:
            turns[-1] = (role, turns[-1][1] + FOLD + text)
        elif not turns and role is _ASSISTANT:
            turns += [(Role.USER, ""), turn]
        else:
            turns.append(turn)
    arranged = tuple(turns)
    return conversation if arranged == conversation.turns else Conversation(conversation.system, arranged)


def system_in_first_turn(conversation: Conversation) -> Conversation:
    """For a family without a system role: its text opens the first user turn."""
    arranged = alternating(conversation)
    if arranged.system is None:
        return arranged
    first = arranged.turns[0][1] if arranged.turns else ""
    opening = (Role.USER, arranged.system + FOLD + first if first else arranged.system)
    return Conversation(None, (opening, *arranged.turns[1:]))


def _render_prompt(conversation: Conversation) -> str:
    return "".join(text for _, text in conversation.turns)


def _parse_prompt(prompt: str) -> Conversation:
    return Conversation(None, ((Role.USER, prompt),))


NO_TEMPLATE = Template(as_given, _render_prompt, _parse_prompt, tokens=())
"""For a family that documents no template, or whose template nobody here can know: one user message is the prompt.

It goes with `is_single_turn`, so that no conversation is flattened into it.
"""


# ── the two shapes ──────────────────────────────────────────────────────────────────────────────────────────────────


@frozen
class Headers:
    """Every turn under a header of its own: `BOS (HEAD role TAIL "\\n\\n" text END)* HEAD assistant TAIL "\\n\\n"`.

    The last header stays open for the model; text behind it is the beginning of the answer, given by the caller.
    """

    bos: str
    head: str
    tail: str
    end: str
    headers: Mapping[str, str] = field(init=False, repr=False)
    """Of each role, written out once."""

    @headers.default
    def _headers(self) -> Mapping[str, str]:
        return {role: f"{self.head}{role}{self.tail}\n\n" for role in Role}

    def render(self, conversation: Conversation) -> str:
        turns = list(conversation.turns)
        prefill = turns.pop()[1] if turns and turns[-1][0] is _ASSISTANT else ""
        if conversation.system is not None:
            turns.insert(0, (Role.SYSTEM, conversation.system))
        headers, end = self.headers, self.end
        written = [f"{headers[role]}{text}{end}" for role, text in turns]
        return f"{self.bos}{''.join(written)}{headers[_ASSISTANT]}{prefill}"

    def parse(self, prompt: str) -> Conversation | None:
        if not prompt.startswith(self.bos + self.head):
            return None
        turns, opening = [], f"{self.tail}\n\n"
        for piece in prompt[len(self.bos) + len(self.head) :].split(self.head):
            role, found, text = piece.partition(opening)
            if not found or role not in _ROLES:
                return None
            turns.append((_ROLES[role], text.removesuffix(self.end)))
        if turns[-1] == (Role.ASSISTANT, ""):
            turns.pop()
        system = turns.pop(0)[1] if turns and turns[0][0] is Role.SYSTEM else None
        return Conversation(system, tuple(turns))


@frozen
class Instructions:
    """User turns between brackets, answers behind them: `BOS ([INST] user [/INST] assistant EOS)*`.

    `separator` is what stands between an answer and the next instruction, `system` how a system text opens the first.
    """

    bos: str
    separator: str
    system: tuple[str, str] | None = None

    def render(self, conversation: Conversation) -> str:
        pieces, turns = [self.bos], list(conversation.turns)
        if conversation.system is not None and self.system is not None:
            first = turns[0][1] if turns else ""
            turns[:1] = [(Role.USER, conversation.system.join(self.system) + first)]
        for number, (role, text) in enumerate(turns):
            is_last = number == len(turns) - 1
            if role is _USER:
                pieces.append(f"[INST] {text} [/INST]")
            else:
                pieces.append(f" {text}" if is_last else f" {text}{self.separator}")
        return "".join(pieces)

    def parse(self, prompt: str) -> Conversation | None:
        opening = f"{self.bos}[INST] "
        if not prompt.startswith(opening):
            return None
        turns: list[Turn] = []
        for exchange in prompt[len(opening) :].split(f"{self.separator}[INST] "):
            asked, found, answered = exchange.partition(" [/INST]")
            if not found:
                return None
            turns.append((_USER, asked))
            if answered:
                turns.append((_ASSISTANT, answered.removeprefix(" ")))
        return self._with_system(turns)

    def _with_system(self, turns: list[Turn]) -> Conversation:
        first = turns[0][1]
        if self.system is None or not first.startswith(self.system[0]):
            return Conversation(None, tuple(turns))
        system, found, rest = first.removeprefix(self.system[0]).partition(self.system[1])
        if not found:
            return Conversation(None, tuple(turns))
        return Conversation(system, ((Role.USER, rest), *turns[1:]))
