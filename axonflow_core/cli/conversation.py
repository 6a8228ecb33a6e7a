"""Conversations that `axonflow ask --save` writes and `--continue` reads.

One JSON object with the messages of both sides, readable by its owner alone. It is written where it
was asked for, and nothing else of a prompt or an answer is kept anywhere.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

import click

from axonflow_core.frozen import frozen

if TYPE_CHECKING:
    from axonflow_core.messages import Completion, CompletionRequest, Json

_MARK = "axonflow_conversation"
_VERSION = 1


@frozen
class Conversation:
    """What was asked and answered so far."""

    request: CompletionRequest
    """The system prompt, and the messages up to the last answer."""
    provider: str | None = None
    model: str | None = None
    """Who answered last."""

    def answered(self, asked: CompletionRequest, answer: Completion) -> Conversation:
        """With one more question, whose request has the whole conversation, and its answer."""
        from axonflow_core.messages import CompletionRequest, Message, Role

        messages = (*asked.messages, Message(Role.ASSISTANT, answer.content))
        receipt = answer.receipt
        return Conversation(
            CompletionRequest(messages, system=asked.system),
            receipt.provider if receipt else self.provider,
            receipt.model if receipt else self.model,
        )


def load_conversation(path: Path) -> Conversation:
    """The conversation in a file that `save_conversation` wrote. `click.UsageError` for any
    other."""
    from axonflow_core.errors import RequestError
    from axonflow_core.json import from_json, loads
    from axonflow_core.messages import CompletionRequest

    try:
        saved = loads(path.read_bytes())
        if isinstance(saved, dict) and saved.get(_MARK) == _VERSION:
            request = from_json(saved.get("request"), CompletionRequest)
            return Conversation(request, _text(saved, "provider"), _text(saved, "model"))
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RequestError):
        pass
    raise click.UsageError(f"{path} is no conversation that `axonflow ask --save` wrote")


def _text(saved: dict[str, Json], key: str) -> str | None:
    value = saved.get(key)
    return value if isinstance(value, str) and value else None


def refuse_unwritable(path: Path) -> None:
    """`click.UsageError` where a conversation cannot be written to `path`, or another file would be
    lost: before anything is asked and billed."""
    if path.exists():
        load_conversation(path)
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise click.UsageError(f"{path} cannot be written: check the folder {path.parent}")


def save_conversation(conversation: Conversation, path: Path) -> None:
    """Write the conversation, for its owner alone (mode 0600); whole or not at all."""
    from axonflow_core.json import dumps, to_json

    saved = {
        _MARK: _VERSION,
        "provider": conversation.provider,
        "model": conversation.model,
        "request": to_json(conversation.request),
    }
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:  # such a file has mode 0600
            file.write(dumps(saved))
            file.flush()
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
