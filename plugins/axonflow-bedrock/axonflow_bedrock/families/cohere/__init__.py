"""Cohere on InvokeModel: Command, which takes a prompt, and Command R, which takes a chat."""

from __future__ import annotations

from axonflow_core.codec import FamilyCodec
from axonflow_core.hookspecs import hookimpl

from .command import COMMAND
from .command_r import COMMAND_R

CODECS = (COMMAND, COMMAND_R)


@hookimpl
def axonflow_register_codec() -> tuple[FamilyCodec, ...]:
    return CODECS
