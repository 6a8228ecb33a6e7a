"""`models.toml`: the models of a vendor, and what each refuses.

    as_of = 2026-11-29
    vendor = "Acme"
    sources = ["acme.example/docs, Models, read 2026-11-29"]
    kinds.chat = { surface = "chat", family = "acme" }
    columns = ["id", "context_tokens", "price.input", "price.output", "ends_on"]
    models = [
      ["acme-2", 200_000, 1.0, 4.0],
      ["acme-1", 32_000, 2.0, 8.0, 2027-01-14],
    ]
    [[rules]]
    models = ["acme-"]
    source = "acme.example/docs, Sampling, read 2026-11-29"
    facts.without = ["temperature"]

Prices are USD per 1,000,000 tokens of the standard tier; what is left out is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from attrs import field

from axonflow_core.codec.facts import ModelFacts
from axonflow_core.codec.model_rules import ModelRule, facts_by
from axonflow_core.converters import regular_expression
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import EMPTY
from axonflow_core.plugin_spec import Life, ModelCatalogue, ModelDescription
from axonflow_core.provider import LongPrompts, Price

from .reading import name_of, read_table, structured, wrong


def today() -> date:
    """The day, by the clock of this machine, in UTC."""
    return datetime.now(UTC).date()


@frozen(kw_only=True)
class LongPromptFactors:
    """What all tokens of a call with a longer prompt cost, as factors of the price."""

    above_tokens: int
    input: float
    """Of fresh and of cached input."""
    output: float

    def on(self, price: Price) -> Price:
        """`price` with the other one for longer prompts."""
        long = Price(
            input=_times(price.input, self.input),
            output=_times(price.output, self.output),
            cache_read=_times(price.cache_read, self.input),
            cache_write_5m=_times(price.cache_write_5m, self.input),
            cache_write_1h=_times(price.cache_write_1h, self.input),
        )
        return evolve(price, long_prompts=LongPrompts(above_tokens=self.above_tokens, price=long))


def _times(price: float | None, factor: float) -> float | None:
    return None if price is None else price * factor


@frozen(kw_only=True)
class LaterPrice:
    """Another price, from a day on."""

    begins_on: date
    price: Price


@frozen(kw_only=True)
class ModelRow:
    """What is known of a model; None is unknown."""

    id: str
    aliases: tuple[str, ...] = ()
    """Other ids that it is called by."""
    kind: str = "chat"
    vendor: str | None = None
    """Who made it, where that is not the vendor of the table."""
    context_tokens: int | None = None
    output_tokens: int | None = None
    price: Price = Price()
    """In the file without what longer prompts cost, in a table with it."""
    long_prompts: LongPromptFactors | None = None
    later: LaterPrice | None = None
    ends_on: date | None = None
    """The first day on which it cannot be called."""
    successor: str | None = None
    """The newer model that the vendor advises to move to."""
    dimensions: tuple[int, ...] = ()
    """Of an embedding model: as `ModelDescription.dimensions`."""
    is_shortened: bool = False
    abilities: tuple[str, ...] = ()
    """What it can do, in the vendor's own words."""

    def price_on(self, day: date) -> Price:
        """The list price of a day."""
        later = self.later
        return self.price if later is None or day < later.begins_on else later.price

    def with_long_prompts(self) -> ModelRow:
        """The row whose prices say what longer prompts cost."""
        if self.long_prompts is None:
            return self
        factors, later = self.long_prompts, self.later
        if later is not None:
            later = evolve(later, price=factors.on(later.price))
        return evolve(self, price=factors.on(self.price), later=later)

    def life_on(self, day: date) -> Life:
        """Where it is in its life."""
        if self.ends_on is not None and self.ends_on <= day:
            return Life.ENDED
        is_advised = self.ends_on is None and self.successor is None
        return Life.ACTIVE if is_advised else Life.LEGACY


@frozen(kw_only=True)
class KindOfModel:
    """What all models of a kind have in common."""

    surface: str
    """The operation that carries their calls."""
    family: str | None = None
    """The codec of their JSON; None where that depends on the model."""


@frozen(kw_only=True)
class More:
    """What else is known of some models."""

    models: tuple[str, ...]
    """Their ids."""
    row: Mapping[str, Any]
    """Members of their rows."""


@frozen(kw_only=True)
class ModelFile:
    """What stands in a file."""

    as_of: date
    """The day for which the table holds."""
    vendor: str
    sources: tuple[str, ...]
    """Where the rows are from, with the day."""
    kinds: Mapping[str, KindOfModel]
    columns: tuple[str, ...]
    """The members of `ModelRow` that the models are listed with; `price.input` is one of one."""
    models: tuple[tuple[Any, ...], ...]
    """A line for each model, the newest first: its members in the order of `columns`. `""` is
    unknown, and so is what is left out at the end."""
    each: Mapping[str, Any] = EMPTY
    """Members of all rows."""
    more: tuple[More, ...] = ()
    versions: str = field(default="", converter=regular_expression)
    """A pattern of what may stand after an id: a version of the model, which has its row."""
    rules: tuple[ModelRule, ...] = ()
    """Those that fit a model are combined in their order."""
    has_closest_rule: bool = False
    """Whether of several that fit the one with the longest beginning of the id holds alone."""

    def rows(self, place: str) -> Iterator[ModelRow]:
        """The models. `PluginError` calls the file `place`."""
        natives = {str(line[0]): self._native(line, place) for line in self.models if line}
        for more in self.more:
            for id in more.models:
                if id not in natives:
                    raise wrong(f"{place}: more: there is no model {id}")
                natives[id] |= more.row
        for id, native in natives.items():
            row: ModelRow = structured(native, ModelRow, f"{place}: {id}")
            yield row.with_long_prompts()

    def _native(self, line: Sequence[Any], place: str) -> dict[str, Any]:
        """A line as a table of TOML's."""
        if len(line) > len(self.columns):
            counts = f"{len(line)} members for {len(self.columns)} columns"
            raise wrong(f"{place}: {line[0]} has {counts}")
        native: dict[str, Any] = dict(self.each)
        for column, value in zip(self.columns, line, strict=False):
            name, _, part = column.partition(".")
            if value != "":
                native[name] = {**native.get(name, {}), part: value} if part else value
        return native


class ModelTable:
    """The models of a vendor, as they stand in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def beside(cls, module: str) -> Self:
        """The table in `models.toml` next to a module, by its `__file__`."""
        return cls(Path(module).with_name("models.toml"))

    @cached_property
    def file(self) -> ModelFile:
        """The file, read. `PluginError`."""
        return read_table(self._path, ModelFile)

    @cached_property
    def rows(self) -> tuple[ModelRow, ...]:
        """The models, the newest first."""
        return tuple(self.file.rows(name_of(self._path)))

    @cached_property
    def _by_id(self) -> Mapping[str, ModelRow]:
        return {id: row for row in self.rows for id in (row.id, *row.aliases)}

    def row(self, model: str) -> ModelRow | None:
        """The row of an id, or of a version of it that has none of its own."""
        rows = self._by_id
        return rows.get(model) or rows.get(re.sub(f"({self.file.versions})$", "", model))

    def begun(self, name: str) -> ModelRow | None:
        """The row of the longest id that a name of somebody's own begins with: `gpt-4o-mini-eu`."""
        ids = [id for id in self._by_id if name == id or name.startswith((f"{id}-", f"{id}_"))]
        return self._by_id[max(ids, key=len)] if ids else None

    def id_of(self, model: str) -> str:
        """The id of the row of a model; the model itself where it has none."""
        row = self.row(model)
        return model if row is None else row.id

    def facts(
        self, model: str, *, rules: Iterable[ModelRule] | None = None, limit: int | None = None
    ) -> ModelFacts:
        """What is known of a model: by `rules`, or those of the file, and by its row. `limit` is
        the operator's own limit of output tokens."""
        row = self.row(model)
        kind = "chat" if row is None else row.kind
        known = self.file.kinds.get(kind)
        facts = facts_by(
            self._rules_for(model) if rules is None else rules,
            model,
            known.surface if known else kind,
            ModelFacts(model_id=model, base_id=model, default_max_tokens=limit),
        )
        return evolve(facts, max_output_tokens=None if row is None else row.output_tokens)

    def _rules_for(self, model: str) -> Iterable[ModelRule]:
        if not self.file.has_closest_rule:
            return self.file.rules
        begun = {start: rule for rule in self.file.rules for start in rule.models}
        closest = max((start for start in begun if model.startswith(start)), key=len, default=None)
        return () if closest is None else (begun[closest],)

    def catalogue(
        self,
        codecs: object = None,
        *,
        day: date | None = None,
        family_of: Callable[[ModelRow], str | None] | None = None,
    ) -> ModelCatalogue:
        """The models as they are on a day, today by default: `ProviderSpec.models`. `family_of` is
        for a vendor whose kinds of model have several families."""
        described = (
            self._described(row, day or today(), family_of or self._family_of) for row in self.rows
        )
        return ModelCatalogue(models=tuple(described), as_of=self.file.as_of)

    def _family_of(self, row: ModelRow) -> str | None:
        return self.file.kinds[row.kind].family

    def _described(
        self, row: ModelRow, day: date, family_of: Callable[[ModelRow], str | None]
    ) -> ModelDescription:
        price = row.price_on(day)
        return ModelDescription(
            id=row.id,
            profiles=row.aliases,
            vendor=row.vendor or self.file.vendor,
            family=family_of(row),
            kind=row.kind,
            surfaces=(self.file.kinds[row.kind].surface,),
            context_tokens=row.context_tokens,
            output_tokens=row.output_tokens,
            input_price=price.input,
            output_price=price.output if row.kind == "chat" else None,
            life=row.life_on(day),
            ends_on=row.ends_on,
            successor=row.successor,
            dimensions=row.dimensions,
            is_shortened=row.is_shortened,
        )
