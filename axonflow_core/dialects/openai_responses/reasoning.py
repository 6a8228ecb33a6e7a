"""Reasoning as an item, and how the model's own seal of it survives between two calls.

    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}],
     "encrypted_content": "axonflow.signature:…"}

Nothing is stored here, so a client that asks for `reasoning.encrypted_content` gets what the model
has to read again, a signature or a redacted piece, and sends it back with its next call. What
OpenAI itself encrypted no other vendor can read: of such an item the summary alone is read.

Source: OpenAI's API reference, "Create a model response", `include`, November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping

from axonflow_core.codec.json_members import array, string
from axonflow_core.messages import Json, Reasoning

ENCRYPTED = "reasoning.encrypted_content"
"""The value of `include` that asks for it."""
_SIGNATURE, _REDACTED = "axonflow.signature:", "axonflow.redacted:"


def decode_reasoning(native: Mapping[str, Json]) -> Reasoning | None:
    """The block of an item; None where nothing in it can be read here."""
    sealed = native.get("encrypted_content") or ""
    if sealed.startswith(_REDACTED):
        return Reasoning(redacted=sealed.removeprefix(_REDACTED))
    is_ours = sealed.startswith(_SIGNATURE)
    signature = sealed.removeprefix(_SIGNATURE) if is_ours else None
    text = _text_of(native)
    return Reasoning(text, signature) if text or is_ours else None


def _text_of(native: Mapping[str, Json]) -> str:
    """The text of the reasoning itself, where the item has it, else its summary."""
    parts = native.get("content") or native.get("summary") or []
    return "\n\n".join(string(part["text"], "text") for part in array(parts, "summary"))


def sealed(signature: str | None, redacted: str | None) -> str | None:
    """`encrypted_content`: what `decode_reasoning` reads again; None where there is none."""
    if redacted is not None:
        return _REDACTED + redacted
    return None if signature is None else _SIGNATURE + signature
