"""A configuration without a file: one provider, whose `config:` is the keywords of a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axonflow_core.config.values import Config, ProviderConfig
from axonflow_core.errors import ConfigError
from axonflow_core.nearest import nearest
from axonflow_core.plugins import PROVIDERS, find_plugins, is_blocked, load_provider

_STAND_IN = "echo"


def config_of_keywords(
    provider: str | None,
    settings: Mapping[str, Any],
    credentials: Mapping[str, str],
    environment: Mapping[str, str],
) -> Config:
    """The configuration with `provider` alone enabled; without a name, the only installed provider
    that has every one of `settings`. `echo`, which comes with the core and calls no service, is
    meant where no other has them. The provider's environment variables are the defaults of what
    `settings` leave out. `ConfigError` where none or several have."""
    name = provider or _only_provider_with(settings, environment)
    defaults = load_provider(name, environment).defaults_from_environment(environment)
    config = {**defaults, **settings}
    entry = ProviderConfig(name, is_enabled=True, config=config, credentials=credentials)
    return Config(providers={name: entry})


def _only_provider_with(settings: Mapping[str, Any], environment: Mapping[str, str]) -> str:
    names = sorted(
        {found.name for found in find_plugins(PROVIDERS) if not is_blocked(found, environment)}
    )
    keys = {name: _keys_of(name, environment) for name in names}
    every = [name for name in names if settings.keys() <= keys[name]]
    fits = [name for name in every if name != _STAND_IN] or every
    if len(fits) == 1:
        return fits[0]
    asked = ", ".join(settings)
    if fits:
        raise ConfigError(
            f"several providers have the settings {asked}: {', '.join(fits)}",
            hint=f"say which: provider={fits[0]!r}",
        )
    raise ConfigError(
        f"no installed provider has the settings {asked}", hint=_instead_of(settings, keys)
    )


def _instead_of(settings: Mapping[str, Any], keys: Mapping[str, set[str]]) -> str:
    """The names that are near those that no provider has, else every provider's."""
    every = sorted(set().union(*keys.values()))
    unknown = [name for name in settings if name not in every]
    near = [found for name in unknown if (found := nearest(name, every)) is not None]
    if near:
        return f"did you mean {', '.join(f'{name}=' for name in near)}?"
    return "; ".join(f"{name} has {', '.join(sorted(keys[name]))}" for name in keys)


def _keys_of(name: str, environment: Mapping[str, str]) -> set[str]:
    from axonflow_core.config.structuring import fields_of

    return set(fields_of(load_provider(name, environment).config_type))
