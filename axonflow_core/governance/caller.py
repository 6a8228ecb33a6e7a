"""Who calls, and what it may use. Made by authentication alone; no body changes it."""

from __future__ import annotations

from axonflow_core.config.values import Role
from axonflow_core.frozen import frozen

ANY = ("*",)
"""Every provider, every model."""


@frozen(kw_only=True)
class Caller:
    """An authenticated client."""

    client: str
    tenant: str
    roles: frozenset[Role] = frozenset()
    providers: tuple[str, ...] = ANY
    """The providers that it may use, by their key; `*` is all."""
    models: tuple[str, ...] = ANY
    """The model ids that it may use; a `*` at the end of one stands for any ending."""

    def may_use_provider(self, name: str) -> bool:
        """Whether calls may go to the provider of that key."""
        return "*" in self.providers or name in self.providers

    def may_use_model(self, model: str) -> bool:
        """Whether calls may name that model id."""
        return self.models == ANY or any(
            model.startswith(pattern[:-1]) if pattern.endswith("*") else model == pattern
            for pattern in self.models
        )
