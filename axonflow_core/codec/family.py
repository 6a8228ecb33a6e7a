"""The codec of a model family: a `Codec`, and the models it claims."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from attrs import field

from axonflow_core.frozen import frozen
from axonflow_core.messages import Json

from .record import Codec


@frozen(kw_only=True)
class FamilyCodec(Codec):
    """The codec of one family on one surface, and the models that it claims.

    Where a family changed its native form between models (Llama's templates, Mistral's prompt and
    chat) each form is a record of its own with its own `variant`; its name is `family/variant`.
    """

    kind: ClassVar[str] = "model"
    """The kind of codec, as registries and errors name it."""
    family: str
    """The name of the family: `anthropic`, `llama`."""
    surface: str = "invoke"
    """The operation that carries the body: `invoke`, `converse`."""
    variant: str | None = None
    """The name of this form where the family has several; None: it has one."""
    models: tuple[str, ...]
    """Prefixes of base ids. The longest one of all registered codecs wins."""
    except_models: tuple[str, ...] = ()
    """Prefixes below those that this codec does not serve, even where no other codec claims
    them."""
    other_forms: tuple[str, ...] = ()
    """Names of codecs whose form these models take too. A client sends this one; a server reads
    whichever it receives."""
    is_blocked: Callable[[Json], bool] = lambda native: False
    """Whether an answer or chunk is a guardrail's own message, after which the model sends nothing
    more. Called only with natives whose provider reports that its guardrail intervened."""

    name: str = field(init=False)

    @name.default
    def _name(self) -> str:
        return f"{self.family}/{self.variant}" if self.variant else self.family
