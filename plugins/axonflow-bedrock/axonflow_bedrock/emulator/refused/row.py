"""A row of the table: what Bedrock or a vendor refuses, in which words, and who says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from axonflow_core.frozen import frozen

from ...wire.endpoint import ServiceException
from .body import Body, Form

Words: TypeAlias = Callable[[Body], Iterator[str]]
"""Yields a message for each violation."""


@frozen(kw_only=True)
class Row:
    """One kind of request that is refused."""

    name: str
    words: Words
    source: str
    """Where the refusal is documented or was reported, with the date."""
    forms: tuple[Form, ...]
    models: tuple[str, ...] = ("",)
    """Prefixes of base ids."""
    except_models: tuple[str, ...] = ()
    is_vendors: bool = False
    """Whether the model's vendor refuses it, and not Bedrock: Converse then puts a sentence of its
    own before the message (recorded)."""
    code: str = "ValidationException"

    def fits(self, body: Body) -> bool:
        """Whether the row is for the model and the form of `body`."""
        return (
            body.form in self.forms
            and body.base_id.startswith(self.models)
            and not body.base_id.startswith(self.except_models)
        )

    def refusals(self, body: Body) -> Iterator[ServiceException]:
        """What Bedrock would answer, once for each violation."""
        for words in self.words(body):
            is_passed_on = self.is_vendors and body.form is Form.CONVERSE
            yield ServiceException(self.code, passed_on(words) if is_passed_on else words)


def passed_on(words: str) -> str:
    """A vendor's message as Converse passes it on (recorded)."""
    return f"The model returned the following errors: {words}"


def malformed_words(*words: str) -> str:
    """The message of a family's JSON schema (recorded)."""
    return f"Malformed input request: {''.join(words)}, please reformat your input and try again."


def extraneous(key: str) -> str:
    """What a JSON schema says of a key that it does not have (recorded)."""
    return f"extraneous key [{key}] is not permitted"


CLAUDE = ("anthropic.claude-",)
CLAUDE_FORMS = (Form.MESSAGES, Form.CONVERSE)
CONVERSE_ALONE = (Form.CONVERSE,)
TURNS = (Form.CONVERSE, Form.NOVA, Form.MESSAGES, Form.CHAT)


def claude(*names: str) -> tuple[str, ...]:
    """Prefixes of the base ids of Claude models."""
    return tuple(f"anthropic.claude-{name}" for name in names)
