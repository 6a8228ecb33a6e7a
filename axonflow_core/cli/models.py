"""`axonflow models`: the models that the installed providers serve."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from axonflow_core.messages import Json
    from axonflow_core.plugin_spec import ModelCatalogue, ModelDescription
    from axonflow_core.routing.rules import NamedModels, NamedTarget


@click.command(short_help="List the models that there are, with context, price and life.")
@click.argument("wanted", metavar="[FILTER]", default="")
@click.option("--provider", help="The provider plugin. Default: every installed one.")
@click.option("--all", "has_ended", is_flag=True, help="With the models that have ended.")
@click.option("--json", "is_json", is_flag=True, help="One JSON object for each model.")
def models(*, wanted: str, provider: str | None, has_ended: bool, is_json: bool) -> int:
    """List the models whose id, profile, family, vendor or kind contains FILTER.

    The named models of the configuration come first, each with its targets. Models that have ended
    are left out and counted. Prices are in US dollars for 1,000,000 tokens
    in and out, where a prefix is needed with the first. Nothing is asked of a service.

    Exits with 1 where no model fits.
    """
    from axonflow_core.cli.display import write_json
    from axonflow_core.cli.failure import CHECK_FAILED, OK

    named = {} if provider else _named_models(wanted)
    shown = [
        (name, catalogue, [model for model in catalogue.models if _fits(model, wanted)])
        for name, catalogue in _catalogues(provider, may_be_none=bool(named))
    ]
    living = [
        (name, catalogue, [model for model in found if has_ended or model.life != "ended"])
        for name, catalogue, found in shown
    ]
    if is_json:
        of_catalogues = [_described(name, model) for name, _, found in living for model in found]
        write_json([*of_catalogues, *_described_names(named)])
    else:
        _write_names(named)
        for (name, catalogue, found), (_, _, every) in zip(living, shown, strict=True):
            _write(name if len(living) > 1 else "", catalogue, found, len(every) - len(found))
    if not named and not any(found for _, _, found in shown):
        _report_none(wanted, [catalogue for _, catalogue, _ in shown])
        return CHECK_FAILED
    return OK


def _catalogues(provider: str | None, *, may_be_none: bool) -> list[tuple[str, ModelCatalogue]]:
    """As `installed_models`; nothing where there are none, and that will do."""
    from axonflow_core.errors import PluginError

    try:
        return installed_models(provider)
    except PluginError:
        if may_be_none:
            return []
        raise


def installed_models(provider: str | None = None) -> list[tuple[str, ModelCatalogue]]:
    """The models of `provider`, or of every installed provider that describes them. `PluginError`
    where `provider` does not, or is not installed."""
    import os

    from axonflow_core.cli.providers import installed_specs
    from axonflow_core.errors import PluginError
    from axonflow_core.plugins import codecs_on_demand

    described = [
        (spec.name, spec.models(codecs_on_demand(spec.name, spec.codec_claims(), os.environ)))
        for spec in installed_specs(provider)
        if spec.models is not None
    ]
    if not described:
        raise PluginError(
            f"the provider {provider} does not describe its models"
            if provider
            else "no installed provider describes its models",
            hint="see the provider's own documentation",
        )
    return described


def _named_models(wanted: str) -> NamedModels:
    """The named models of the configuration that is found, whose name or targets contain
    `wanted`; none where it cannot be read."""
    import os

    from axonflow_core.config.loading import read_config
    from axonflow_core.errors import ConfigError

    try:
        models = read_config(None, os.environ).config.models
    except ConfigError:
        return {}
    return {name: targets for name, targets in models.items() if _is_named(wanted, name, targets)}


def _is_named(wanted: str, name: str, targets: Sequence[NamedTarget]) -> bool:
    return any(wanted.lower() in text.lower() for text in (name, *(t.model for t in targets)))


def _write_names(named: NamedModels) -> None:
    from axonflow_core.cli.display import write_styled
    from axonflow_core.cli.routing import model_lines

    for line in model_lines(named):
        write_styled(line, style="bold")


def _described_names(named: NamedModels) -> list[Json]:
    from axonflow_core.cli.routing import described_models

    return [{"name": name, "targets": told} for name, told in described_models(named).items()]


def _fits(model: ModelDescription, wanted: str) -> bool:
    texts = (*model.ids, model.family or "", model.vendor, model.kind)
    return any(wanted.lower() in text.lower() for text in texts)


def _report_none(wanted: str, catalogues: Iterable[ModelCatalogue]) -> None:
    """Say that nothing fits, with what is near."""
    from axonflow_core.cli.display import warn
    from axonflow_core.nearest import nearest

    models = [model for catalogue in catalogues for model in catalogue.models]
    names = {name for model in models for name in (*model.ids, model.family or "", model.vendor)}
    words = {word for name in names for word in (name, *re.split(r"[.:/-]", name))}
    near = nearest(wanted, words - {""})
    warn(f"no model fits {wanted!r}" + (f"; did you mean `{near}`?" if near else ""))


# ── for people ────────────────────────────────────────────────────────────────────────────────────

_ID_WIDTH = 43


def _write(
    provider: str, catalogue: ModelCatalogue, found: Sequence[ModelDescription], left_out: int
) -> None:
    """The models by family, each family under a line of its own; at most 80 characters wide."""
    from axonflow_core.cli.display import write_styled

    if found:
        head = f"{provider or 'model':<{_ID_WIDTH}} {'tokens':>6} {'$ in/out':>10}  life"
        write_styled(head)
    for family, group in groupby(found, key=_heading):
        write_styled(family, style="bold")
        for model in group:
            write_styled(_line(model))
            if model.profiles:
                write_styled(f"    {_prefixes(model)}", style="dim")
    write_styled(_summary(len(found), left_out, catalogue), style="dim")


def _heading(model: ModelDescription) -> str:
    kind = "" if model.kind == "chat" else f", {model.kind}"
    return f"{model.family or model.vendor}{kind}: {', '.join(model.surfaces) or 'no codec'}"


def _line(model: ModelDescription) -> str:
    price = f"{_dollars(model.input_price)}/{_dollars(model.output_price)}"
    line = f"  {model.id:<{_ID_WIDTH - 2}} {_tokens(model.context_tokens):>6} {price:>10}  "
    return line + _life(model)


def _prefixes(model: ModelDescription) -> str:
    """What is written before the id to call a profile; the whole of a profile that is named in
    another way."""
    names = " ".join(profile.removesuffix(model.id) for profile in model.profiles)
    return f"{'needs' if model.needs_profile else 'takes'} a prefix: {names}"


def _tokens(count: int | None) -> str:
    """`200k`, `1M`."""
    if count is None:
        return "?"
    if count < 1000:
        return str(count)
    thousands = count / 1000
    return f"{thousands:.0f}k" if thousands < 1000 else f"{thousands / 1000:.3g}M"


def _dollars(price: float | None) -> str:
    return "?" if price is None else f"{price:.3g}"


def _life(model: ModelDescription) -> str:
    if model.ends_on is None:
        return str(model.life)
    return f"{model.life} {model.ends_on}"


def _summary(count: int, left_out: int, catalogue: ModelCatalogue) -> str:
    ended = f", {left_out} that ended left out (--all)" if left_out else ""
    as_of = f", as of {catalogue.as_of}" if catalogue.as_of else ""
    units = f"tokens of context, dollars for a million tokens in and out{as_of}"
    return f"{count} model{'' if count == 1 else 's'}{ended}" + (f"\n{units}" if count else "")


# ── as JSON ───────────────────────────────────────────────────────────────────────────────────────


def _described(provider: str, model: ModelDescription) -> Json:
    import attrs

    return {"provider": provider, **attrs.asdict(model, value_serializer=_plain)}


def _plain(_: object, __: object, value: object) -> object:
    from datetime import date

    return value.isoformat() if isinstance(value, date) else value
