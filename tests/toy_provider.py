"""A provider that can be enabled and configured and does nothing more, for tests of configuration.

`provider: toy` is there for a test that has the fixture `toy_provider`.
"""

from __future__ import annotations

from enum import StrEnum

from attrs import field, frozen

from axonflow_core.hookspecs import hookimpl
from axonflow_core.http.client import Timeouts
from axonflow_core.plugin_spec import ProviderSpec, Services
from axonflow_core.provider import Provider


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


@frozen(kw_only=True)
class ToyConfig:
    """A setting of every kind: text, number, choice, list and section, required and not."""

    region: str
    model: str | None = None
    max_tokens: int | None = None
    colour: Colour = Colour.RED
    families: tuple[str, ...] = ()
    timeouts: Timeouts = field(factory=Timeouts)


def _create(config: ToyConfig, services: Services) -> Provider:
    raise NotImplementedError("the toy provider makes no calls")


@hookimpl
def axonflow_register_provider() -> ProviderSpec:
    return ProviderSpec(name="toy", display_name="Toy", config_type=ToyConfig, create=_create)
