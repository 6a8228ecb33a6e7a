"""Prompt templates: a conversation as one string, and back.

A template family takes no messages: the turns have to be written into one prompt with the control
tokens of the family, as here of Llama 3:

    <|begin_of_text|><|start_header_id|>user<|end_header_id|>\\n\\nHello<|eot_id|>
    <|start_header_id|>assistant<|end_header_id|>\\n\\n

Theory of operation. A `Template` is a pair of inverse functions and what limits them:

    arrange   Conversation -> Conversation   folds what the family has no place for
    render    Conversation -> prompt         writes it with the family's tokens
    parse     prompt -> Conversation | None  reads nothing but what `render` would have written

Invariant: `render(parse(prompt)) == prompt`, character by character, wherever `parse` gives a
conversation. Any other prompt is *raw*: it becomes one user message marked `is_raw_prompt`, and
goes out unchanged. A prompt that is read wrongly would be worse than one that is not read.

The second invariant is safety: no text of a turn may hold a control token, since it would forge a
turn. The codec layer checks each text; `prompt_of` checks again after folding, because texts that
are harmless apart may form a token when joined. In the other direction, a text in which `parse`
left a token makes the prompt raw (`overlooked`).

`render` is total over roles. What a template has no place for is folded into the adjacent text, two
line feeds between: consecutive messages of one role, and the system text of a family without a
system role.

Three shapes cover the families: `Headers` (Llama 3 and 4), `Instructions` (Llama 2, Mistral) and
`Transcript` (Claude's text completion, Titan). A family without a documented template has
`NO_TEMPLATE`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import groupby
from operator import itemgetter

from attrs import define

from axonflow_core.codec.control_tokens import find_control_token, refuse_forged_turns
from axonflow_core.frozen import frozen
from axonflow_core.messages import (
    CompletionRequest,
    Image,
    Message,
    Role,
    Text,
    joined_text,
    text_message,
    texts_of,
)

FOLD = "\n\n"
_USER, _ASSISTANT, _SYSTEM = Role.USER, Role.ASSISTANT, Role.SYSTEM
"""For loops: in Python 3.11 a member costs 0.1 us whenever it is taken from its class."""


@define
class Conversation:
    """The turns as a template sees them: `roles[i]` is whose turn `texts[i]` is.

    `system` is None where there is none; an empty one is something else. Mutable, for it lives no
    longer than a call, and freezing would cost more than all else that is done with it.
    """

    system: str | None
    roles: list[Role]
    texts: list[str]

    @property
    def slots(self) -> list[str]:
        """Every text that the template puts between its own tokens."""
        return [self.system or "", *self.texts]


@frozen
class Template:
    """How a family writes a conversation into one prompt, and reads it back."""

    arrange: Callable[[Conversation], Conversation]
    """Folds what the template has no place for."""
    render: Callable[[Conversation], str]
    parse: Callable[[str], Conversation | None]
    """None unless `render` gives that very prompt back."""
    tokens: tuple[str, ...]
    """The control tokens: no text of a turn may hold one."""
    overlooked: tuple[str, ...]
    """Those that `parse` may have left in a text."""


def prompt_of(request: CompletionRequest, template: Template, family: str) -> str:
    """The prompt for `request`; `EncodeError` if folding its texts would forge a turn. A raw prompt
    is returned unchanged."""
    if request.is_raw_prompt:
        return "".join(texts_of(request.messages))
    system = joined_text(request.system) if request.system else None
    conversation = Conversation(
        system, [message.role for message in request.messages], texts_of(request.messages)
    )
    arranged = template.arrange(conversation)
    if arranged is not conversation:  # texts that are harmless apart may be a token together
        refuse_forged_turns(family, template.tokens, arranged.slots)
    return template.render(arranged)


def turns_in(
    prompt: str, template: Template, images: tuple[Image, ...] = (), image_token: str = ""
) -> tuple[tuple[Text, ...], tuple[Message, ...]] | None:
    """The system text and the messages in `prompt`, each of `images` where its token stands at the
    head of a turn.

    None for a prompt that has to stay raw.
    """
    conversation = template.parse(prompt)
    if conversation is None:
        return None
    if images:
        conversation, shown = _pictures_apart(conversation, images, image_token)
        if sum(map(len, shown)) != len(images):
            return None
    if find_control_token(template.overlooked, conversation.slots) is not None:
        return None
    messages = tuple(map(text_message, conversation.roles, conversation.texts))
    if images:
        messages = tuple(
            Message(message.role, (*pictures, *message.content))
            for message, pictures in zip(messages, shown, strict=True)
        )
    return () if conversation.system is None else (Text(conversation.system),), messages


def _pictures_apart(
    conversation: Conversation, images: tuple[Image, ...], token: str
) -> tuple[Conversation, list[tuple[Image, ...]]]:
    """The turns without the tokens of pictures, and the pictures of each turn, as far as there are
    both."""
    texts, shown, next_image = [], [], 0
    for text in conversation.texts:
        first = next_image
        while next_image < len(images) and text.startswith(token):
            text, next_image = text.removeprefix(token), next_image + 1
        texts.append(text)
        shown.append(images[first:next_image])
    return Conversation(conversation.system, conversation.roles, texts), shown


# ── how turns are arranged ────────────────────────────────────────────────────────────────────────


def as_given(conversation: Conversation) -> Conversation:
    """For a template that takes any roles in any order."""
    return conversation


def alternating(conversation: Conversation) -> Conversation:
    """User and assistant in turn, user first: equal neighbours become one, a leading assistant gets
    an empty user."""
    given = conversation.roles
    if given and given == _in_turn(len(given)):
        return conversation
    roles, texts = ([], []) if given and given[0] is not _ASSISTANT else ([_USER], [""])
    for role, turns in groupby(zip(given, conversation.texts, strict=True), itemgetter(0)):
        roles.append(role)
        texts.append(FOLD.join([text for _, text in turns]))
    return Conversation(conversation.system, roles, texts)


def _in_turn(turns: int) -> list[Role]:
    """User and assistant alternating, user first."""
    return ([_USER, _ASSISTANT] * (turns // 2 + 1))[:turns]


def system_in_first_turn(conversation: Conversation) -> Conversation:
    """For a family without a system role: its text opens the first user turn."""
    arranged = alternating(conversation)
    if arranged.system is None:
        return arranged
    first, *texts = arranged.texts
    return Conversation(
        None, arranged.roles, [arranged.system + FOLD + first if first else arranged.system, *texts]
    )


# ── the shapes of prompts ─────────────────────────────────────────────────────────────────────────


def _render_prompt(conversation: Conversation) -> str:
    return "".join(conversation.texts)


def _parse_prompt(prompt: str) -> Conversation:
    return Conversation(None, [_USER], [prompt])


NO_TEMPLATE = Template(as_given, _render_prompt, _parse_prompt, tokens=(), overlooked=())
"""For a family that documents no template, or whose template is unknown here: one user message
is the prompt.

It goes with `is_single_turn`, so that no conversation is flattened into it.
"""


@frozen
class Headers:
    """Every turn under a header of its own: `BOS (HEAD role TAIL "\\n\\n" text END)* HEAD assistant
    TAIL "\\n\\n"`.

    The last header stays open for the model; text after it is the beginning of the answer, given
    by the caller.
    """

    bos: str
    head: str
    tail: str
    end: str

    def template(self, tokens: tuple[str, ...]) -> Template:
        """The functions for these tokens. They are closures, so that the joined strings are built
        once."""
        after_role, end = f"{self.tail}\n\n", self.end
        opening, border = self.bos + self.head, end + self.head
        headers = {role: f"{self.head}{role}{after_role}" for role in Role}
        roles_by_name = {role.value: role for role in Role}

        def render(conversation: Conversation) -> str:
            pieces = [self.bos]
            if conversation.system is not None:
                pieces += headers[_SYSTEM], conversation.system, end
            role = None
            for role, text in zip(conversation.roles, conversation.texts, strict=True):
                pieces += headers[role], text, end
            if role is _ASSISTANT:
                # The last answer was begun by the caller, so its turn stays open and the model goes
                # on.
                pieces.pop()
            else:
                pieces.append(headers[_ASSISTANT])
            return "".join(pieces)

        def parse(prompt: str) -> Conversation | None:
            """None unless the last header is an assistant's that is left open, and no finished
            answer precedes it."""
            if not prompt.startswith(opening):
                return None
            # At the end of a turn together with the next header, and not at headers alone: a header
            # in a text would else be read as a turn.
            pieces = prompt.split(border)
            pieces[0] = pieces[0].removeprefix(opening)
            roles, texts = [], []
            for piece in pieces:
                name, found, text = piece.partition(after_role)
                if not found or name not in roles_by_name:
                    return None
                roles.append(roles_by_name[name])
                texts.append(text)
            return _left_open(roles, texts)

        return Template(as_given, render, parse, tokens, overlooked=tokens)


def _left_open(roles: list[Role], texts: list[str]) -> Conversation | None:
    """The conversation of turns that were read from headers, the last of them an assistant's that
    the model continues; None for turns that `render` would not have written."""
    if roles[-1] is not _ASSISTANT:
        return None  # nothing is left open
    if not texts[-1]:
        del roles[-1], texts[-1]
        if roles and roles[-1] is _ASSISTANT:
            return None  # an answer that came to its end, and the next one begun
    system = None
    if roles and roles[0] is _SYSTEM:
        system = texts[0]
        del roles[0], texts[0]
    return Conversation(system, roles, texts)


def _interleaved(before_question: str, before_answer: str, texts: list[str]) -> list[str]:
    """`texts`, a question and an answer in turn, each with what stands before it."""
    pieces = [before_question, "", before_answer, ""] * (len(texts) // 2 + 1)
    del pieces[2 * len(texts) :]
    pieces[1::2] = texts
    return pieces


@frozen
class Instructions:
    """Questions between brackets, answers after them: `BOS ([INST] question [/INST] answer
    SEPARATOR)*`.

    The last separator is not written. A prompt that ends with a question is for the model to go on
    from; after the last answer, if it ends with one, the model goes on too: the caller has begun
    it.
    """

    bos: str
    separator: str
    """What stands between an answer and the next question."""
    system: tuple[str, str] | None = None
    """What stands around a system text, at the head of the first question."""

    def template(
        self, arrange: Callable[[Conversation], Conversation], tokens: tuple[str, ...]
    ) -> Template:
        """The functions for these tokens, with the family's own way to arrange turns."""
        opening, border, closing = f"{self.bos}[INST] ", f"{self.separator}[INST] ", " [/INST]"
        before_answer = f"{closing} "

        def render(conversation: Conversation) -> str:
            pieces = _interleaved(border, before_answer, conversation.texts)
            pieces[0] = opening
            if conversation.system is not None and self.system is not None:
                pieces[0] += conversation.system.join(self.system)
            if len(conversation.texts) % 2:
                pieces.append(closing)
            return "".join(pieces)

        def parse(prompt: str) -> Conversation | None:
            if not prompt.startswith(opening):
                return None
            *finished, last = prompt.removeprefix(opening).split(border)
            texts: list[str] = []
            for turns in finished:
                asked, found, answered = turns.partition(before_answer)
                if not found:
                    return None
                texts += asked, answered
            # After the last question comes nothing, or the beginning of an answer.
            asked, found, answered = last.partition(closing)
            if not found or (answered and answered[0] != " "):
                return None
            texts += (asked, answered[1:]) if answered else (asked,)
            return self._read(texts)

        return Template(arrange, render, parse, tokens, overlooked=tokens)

    def _read(self, texts: list[str]) -> Conversation:
        """The conversation of alternating texts, with the system text taken from the head of the
        first."""
        system = None
        if self.system is not None and texts[0].startswith(self.system[0]):
            system_text, found, rest = (
                texts[0].removeprefix(self.system[0]).partition(self.system[1])
            )
            if found:
                system, texts[0] = system_text, rest
        return Conversation(system, _in_turn(len(texts)), texts)


@frozen
class Transcript:
    """Questions and answers in turn, each after a mark at the beginning of a line, the last one
    open for the model:

        MARK_USER " " question MARK_ASSISTANT " " answer … MARK_ASSISTANT

    A text after the last mark is the beginning of an answer, given by the caller.
    """

    user: str
    assistant: str
    """The marks, with the line feeds before them, which are the control tokens too."""
    is_at_start: bool = False
    """A prompt begins with the mark itself and no line feed before it. Otherwise a system text may
    stand there, where nothing tells an empty one from none."""

    def template(self, arrange: Callable[[Conversation], Conversation]) -> Template:
        """The functions for these marks. The marks are the control tokens: `parse` splits at every
        one."""
        user, assistant, left_open = f"{self.user} ", f"{self.assistant} ", self.assistant
        first_user = user.lstrip() if self.is_at_start else user
        # With the marks read at once, no text is left with a mark in it.
        split = re.compile(f"({re.escape(self.user)} ?|{re.escape(self.assistant)} ?)").split

        def render(conversation: Conversation) -> str:
            pieces = _interleaved(user, assistant, conversation.texts)
            pieces[0] = (conversation.system or "") + first_user
            if len(conversation.texts) % 2:
                pieces.append(left_open)
            return "".join(pieces)

        def parse(prompt: str) -> Conversation | None:
            pieces = split(prompt)
            if self.is_at_start:
                if not pieces[0].startswith(first_user):
                    return None
                pieces[:1] = "", user, pieces[0].removeprefix(first_user)
            marks, texts = pieces[1::2], pieces[2::2]
            exchanges = len(marks) // 2
            if marks == [user, assistant] * exchanges and exchanges:
                return Conversation(pieces[0] or None, [_USER, _ASSISTANT] * exchanges, texts)
            if (
                texts
                and not texts.pop()
                and marks == [*([user, assistant] * (exchanges - 1)), user, left_open]
            ):
                return Conversation(pieces[0] or None, _in_turn(len(texts)), texts)
            return None

        return Template(arrange, render, parse, (self.user, self.assistant), overlooked=())
