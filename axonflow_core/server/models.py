"""The models that a client may name, for the lists of the drop-in endpoints.

    the named models of `models:`, then for each provider its default and all that its plugin knows

An id that several providers have is listed once. A model that has ended is none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property

from axonflow_core.config.values import Config
from axonflow_core.endpoint.calls import Call, NativeAnswer
from axonflow_core.endpoint.operations import Kind
from axonflow_core.errors import ModelNotFound
from axonflow_core.frozen import evolve
from axonflow_core.governance.caller import Caller
from axonflow_core.plugin_spec import Life, ModelDescription
from axonflow_core.plugins import codecs_on_demand, load_provider
from axonflow_core.routing.router import Router


class Models:
    """The models of one generation."""

    def __init__(self, config: Config, router: Router) -> None:
        self._config = config
        self._router = router

    def answer(self, call: Call, caller: Caller) -> NativeAnswer:
        """The list, the one model that the path names, or what else the service tells of itself.
        `ModelNotFound`."""
        if call.operation.kind is Kind.OTHER:
            return NativeAnswer(call.operation.codec(call, self.of(caller)))
        listing = call.operation.codec
        if call.operation.kind is Kind.MODELS:
            return NativeAnswer(listing.encode_list(self.of(caller), call.query))
        for model in self.of(caller):
            if model.id == call.model:
                return NativeAnswer(listing.encode_model(model))
        raise ModelNotFound(f"there is no model {call.model!r} here that this client may call")

    def of(self, caller: Caller) -> list[ModelDescription]:
        """The models that a client may name, each by every id that it has."""
        found: dict[str, ModelDescription] = {}
        for provider, model in self._all:
            if provider is None or caller.may_use_provider(provider):
                for id in model.ids:
                    if caller.may_use_model(id):
                        found.setdefault(id, evolve(model, id=id, profiles=()))
        return list(found.values())

    @cached_property
    def _all(self) -> list[tuple[str | None, ModelDescription]]:
        """Provider -> a model of it; None where a name stands for several."""
        named = [(None, _bare(name, "axonflow")) for name in self._config.models]
        return [*named, *self._of_providers()]

    def _of_providers(self) -> Iterator[tuple[str, ModelDescription]]:
        for name, provider in self._router.providers.items():
            spec = load_provider(self._config.providers[name].type, os.environ)
            known: list[ModelDescription] = []
            if spec.models is not None:
                codecs = codecs_on_demand(spec.name, spec.codec_claims(), os.environ)
                models = spec.models(codecs).models
                known = [each for each in models if each.life is not Life.ENDED]
            default = provider.default_model
            if default and not any(default in each.ids for each in known):
                known.insert(0, _bare(default, name))
            yield from ((name, each) for each in known)


def _bare(id: str, vendor: str) -> ModelDescription:
    """A model of which no more is known."""
    return ModelDescription(id=id, vendor=vendor, family=None, kind="chat", surfaces=())
