"""Who calls, and what it may use. Made by authentication alone; no body changes it."""

from __future__ import annotations

from axonflow_core.config.values import Role
from axonflow_core.frozen import frozen
from axonflow_core.routing.targets import ANY, Wish, matches


@frozen(kw_only=True)
class Caller:
    """An authenticated client."""

    client: str
    tenant: str
    roles: frozenset[Role] = frozenset()
    providers: tuple[str, ...] = ANY
    """The providers that it may use, by their key; `*` is all."""
    models: tuple[str, ...] = ANY
    """The models that it may use, by id or by name; a `*` at the end of one stands for any
    ending."""
    regions: tuple[str, ...] = ANY
    """The regions that its calls may be processed in, likewise."""

    def may_use_provider(self, name: str) -> bool:
        """Whether calls may go to the provider of that key."""
        return "*" in self.providers or name in self.providers

    def may_use_model(self, model: str) -> bool:
        """Whether calls may name that model id."""
        return self.models == ANY or matches(self.models, model)

    def wish(
        self,
        *,
        provider: str | None = None,
        model: str | None = None,
        is_strict: bool | None = None,
        allowed: tuple[str, ...] | None = None,
    ) -> Wish:
        """What a call of this client may ask for, and asks for."""
        return Wish(
            provider=provider,
            model=model,
            is_strict=is_strict,
            allowed=allowed,
            client=self.client,
            providers=self.providers,
            models=self.models,
            regions=self.regions,
        )

    @property
    def owner(self) -> str:
        """Whose conversations its calls are."""
        return f"{self.tenant}\0{self.client}"
