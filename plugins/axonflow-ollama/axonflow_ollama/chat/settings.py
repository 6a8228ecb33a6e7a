"""What a body says besides the conversation: its model, and what the operator says of every call.

{"model": "llama3.1:latest", …, "keep_alive": "10m", "options": {"num_ctx": 8192}, "stream": true}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from axonflow_core.codec.json_members import mapping_or_empty, unknown_members
from axonflow_core.messages import EMPTY, Json

from ..config import OllamaConfig

_TRANSPORT = frozenset({"model", "stream"})


def members_for(config: OllamaConfig) -> Callable[[Json, str, bool], Json]:
    """What adds them to the body of a chat, where the call does not say them itself:
    `Surface.add_members`."""
    kept = kept_alive(config)

    def add_members(body: Json, model: str, is_streamed: bool) -> Json:
        filled = {"model": model, **kept, **unknown_members(body, _TRANSPORT)}
        if config.num_ctx is not None:
            options = mapping_or_empty(body.get("options"))
            filled["options"] = {"num_ctx": config.num_ctx, **options}
        return {**filled, "stream": is_streamed}

    return add_members


def kept_alive(config: OllamaConfig) -> Mapping[str, Json]:
    """The member `keep_alive`, as Ollama reads it: a text with a unit, a number without one."""
    given = config.keep_alive
    if given is None:
        return EMPTY
    return {"keep_alive": int(given) if given.removeprefix("-").isdecimal() else given}
