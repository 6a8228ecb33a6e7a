"""Nodes to attrs classes, through cattrs, with every fault of a section at once.

The declared type of a field decides what its scalar means. A hook that cannot convert a node raises
`Unfit`, which says what the type wants. The class, list or mapping around it knows key and place:
it records a `Fault`, continues with the next member, and at the end raises all faults together as
`_Misfits`. So no hook needs to know where it is used, and one function decides whether a message
may quote a value: not if it is a secret, nor if the field is excluded from the class's repr.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from functools import cache
from itertools import islice
from math import isfinite
from types import SimpleNamespace
from typing import Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin

import attrs
from cattrs import BaseConverter

from axonflow_core.config.faults import MAX_SHOWN, Fault, FaultyConfig, Place, suggest
from axonflow_core.config.nodes import (
    YAML_EXAMPLE,
    YAML_KEY,
    Listing,
    Node,
    Scalar,
    Section,
    Unfit,
    contains_secret,
)
from axonflow_core.config.substitution import Unsubstitutable
from axonflow_core.messages import EMPTY, Json
from axonflow_core.nearest import nearest

_MAX_REASON = 400
"""Characters."""
_OF_ATTRS = re.compile(r"^'\w+' (?=must )")
"""What a message of attrs' validators begins with: the name of the field, which is not the key."""

T = TypeVar("T")
Hook: TypeAlias = Callable[[Node, Any], Any]


class _Misfits(Exception):
    """All faults below one node."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(len(faults))
        self.faults = faults


def structure(node: Node, as_type: type[T], *, key: str) -> T:
    """`node` read as an `as_type`: a scalar type, an enum, an attrs class, `T | None`, or a list or
    mapping of these. Faults name the node itself `key`. Raises `FaultyConfig` with every fault.
    """
    collector = _Collector()
    with collector.at(key, node):
        value: T = _converter().structure(node, as_type)
    if collector.faults:
        raise FaultyConfig(collector.faults)
    return value


def structure_credentials(
    node: Node, known: Sequence[str] | None, elsewhere: str = ""
) -> Mapping[str, str]:
    """`node` read as the credentials of a provider that takes the `known` names; None where its
    plugin could not be loaded. `elsewhere` says where a provider that takes none gets them. Raises
    `FaultyConfig` with every fault, and quotes no value."""
    values = structure(node, dict[str, str], key="credentials")
    unknown = [name for name in values if known is not None and name not in known]
    if unknown and known is not None and isinstance(node, Section):
        noun = "credentials of this provider"
        raise FaultyConfig(
            Fault(
                node.place_of(name),
                f"the provider takes no credential `{name}`",
                suggest(name, known, noun=noun) if known or not elsewhere else elsewhere,
                hides=True,
            )
            for name in unknown
        )
    return values


def _reason_of(error: Exception) -> str:
    """What a type or validator says is wrong with a value, which it may quote whole."""
    reason = _OF_ATTRS.sub("it ", str(error.args[0] if error.args else type(error).__name__))
    return reason if len(reason) <= _MAX_REASON else f"{reason[:_MAX_REASON]} …"


class _Collector:
    """Records what a member raises as faults, so that the next member is read as well."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    @contextmanager
    def at(self, key: str, node: Node, *, hides: bool = False) -> Iterator[None]:
        """Run the block for the member `key`, and record what it raises."""
        hides = hides or (isinstance(node, Scalar) and node.is_secret)
        try:
            yield
        except _Misfits as misfits:
            self.faults += misfits.faults
        except (Unfit, Unsubstitutable) as misfit:
            self._add_misfit(key, node, misfit, hides=hides)
        except Exception as error:  # a plugin's own type or validator refused it
            reason = type(error).__name__ if hides else _reason_of(error)
            hint = None if hides else getattr(error, "hint", None)
            self.add(node.place, f"`{key}` is not acceptable: {reason}", hint, hides=hides)

    def _add_misfit(
        self, key: str, node: Node, misfit: Unfit | Unsubstitutable, *, hides: bool
    ) -> None:
        """Record a value that does not fit. An unresolved reference is reported in its place, since
        the text then is the reference and not the value.
        """
        problem = node.problem if isinstance(node, Scalar) else None
        if problem is not None:
            self.add(node.place, f"{problem.message}, and `{key}` refers to it", problem.hint)
        elif isinstance(misfit, Unfit):
            self.add(
                node.place,
                f"`{key}` wants {misfit.wants}, found {_shown(node, hides=hides)}",
                misfit.hint,
                hides=hides,
            )

    def add(
        self, place: Place, message: str, hint: str | None = None, *, hides: bool = False
    ) -> None:
        self.faults.append(Fault(place, message, hint, hides=hides))

    def finish(self) -> None:
        if self.faults:
            raise _Misfits(self.faults)


def _shown(node: Node, *, hides: bool) -> str:
    """The found value for a message: quoted if it may be shown and is short, else its kind or
    length."""
    if isinstance(node, Section):
        return "a section"
    if isinstance(node, Listing):
        return "a list"
    if node.is_null:
        return "nothing"
    if hides or contains_secret(node.text):
        return "something else"
    return repr(node.text) if len(node.text) <= 60 else f"{len(node.text)} characters of text"


# ── the converter ─────────────────────────────────────────────────────────────────────────────────


@cache
def _converter() -> BaseConverter:
    """A cattrs converter for the types above. It converts nothing by itself: every type has a hook
    here."""
    converter = BaseConverter()
    for scalar_type, convert in _SCALARS.items():
        converter.register_structure_hook(scalar_type, _scalar_hook(convert))
    converter.register_structure_hook(Section, lambda node, _: _section(node))
    converter.register_structure_hook_func(_is(Literal), _literal)
    converter.register_structure_hook_func(_is_enum, _enum)
    for predicate, factory in _FACTORIES:
        converter.register_structure_hook_factory(
            predicate, lambda t, make=factory: make(converter, t)
        )
    return converter


def _is(*origins: Any) -> Callable[[Any], bool]:
    return lambda as_type: get_origin(as_type) in origins or as_type in origins


def _is_enum(as_type: Any) -> bool:
    return isinstance(as_type, type) and issubclass(as_type, Enum)


# ── scalars ───────────────────────────────────────────────────────────────────────────────────────

_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"[-+]?([0-9]{1,18}(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,3})?")
_BOOLS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


def _whole(text: str) -> int:
    """A decimal integer of at most 18 digits. Other bases, `_` and leading zeros are refused: YAML
    1.1 and 1.2 read them differently."""
    if _WHOLE.fullmatch(text):
        return int(text)
    is_octal = text.startswith("0") and text.isdecimal()
    raise Unfit(
        "a whole number",
        "YAML 1.1 reads a leading 0 as octal: write the number without it" if is_octal else None,
    )


def _number(text: str) -> float:
    if _NUMBER.fullmatch(text):
        if isfinite(number := float(text)):
            return number
        raise Unfit("a finite number")
    value, _, unit = text.partition("s")
    is_seconds = _NUMBER.fullmatch(value.strip()) and unit in ("", "ec", "econds")
    raise Unfit("a number", f"write {value.strip()}, without the unit" if is_seconds else None)


def _bool(text: str) -> bool:
    if text.lower() in _BOOLS:
        return _BOOLS[text.lower()]
    raise Unfit("true or false")


_SCALARS: dict[type[Any], Callable[[str], Any]] = {
    str: str,
    int: _whole,
    float: _number,
    bool: _bool,
}
_WANTS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _text(scalar: Scalar) -> str:
    if scalar.problem is not None:
        raise scalar.problem
    return scalar.text


def _scalar_hook(convert: Callable[[str], Any]) -> Hook:
    """A hook for a scalar type. A null does not fit, so that `key:` without a value is never an
    empty text."""

    def hook(node: Node, as_type: Any) -> Any:
        if _is_enum(as_type):  # cattrs treats a StrEnum as a str
            return _enum(node, as_type)
        if not isinstance(node, Scalar) or node.is_null:
            raise Unfit(_WANTS[as_type])
        return convert(_text(node))

    return hook


def _literal(node: Node, as_type: Any) -> Any:
    return _choice(node, {str(choice): choice for choice in get_args(as_type)})


def _enum(node: Node, as_type: Any) -> Any:
    return _choice(node, {str(member.value): member for member in as_type})


def _choice(node: Node, choices: Mapping[str, Any]) -> Any:
    """The choice that the scalar's text names."""
    if isinstance(node, Scalar) and node.text in choices:
        return choices[node.text]
    word = node.text if isinstance(node, Scalar) else ""
    raise Unfit(f"one of {', '.join(choices)}", suggest(word, choices, noun="choices"))


def _plain_hook(converter: BaseConverter, as_type: Any) -> Hook:
    """The node as plain JSON where no type is declared, by the rules of YAML 1.2's core schema."""
    listing, mapping = _listing_hook(converter, list[Any]), _mapping_hook(converter, dict[str, Any])

    def hook(node: Node, _: Any) -> Json:
        match node:
            case Section():
                return mapping(node, as_type)
            case Listing():
                return listing(node, as_type)
            case Scalar():
                return _plain_scalar(node)

    return hook


def _plain_scalar(scalar: Scalar) -> Json:
    """A quoted or substituted scalar is text; others follow YAML 1.2's core schema."""
    text = _text(scalar)
    if scalar.is_null:
        return None
    if scalar.is_quoted or scalar.is_substituted:
        return text
    if text in ("true", "false"):
        return text == "true"
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) and isfinite(float(text)) else text


# ── sections and lists ────────────────────────────────────────────────────────────────────────────


def _section(node: Node, fields: Mapping[str, Any] = EMPTY) -> Section:
    """`node` as a section; `fields` are the keys that it may have."""
    if isinstance(node, Section):
        return node
    if isinstance(node, Scalar) and node.is_null:
        return Section({}, node.place)
    hint = _keys_to_write(fields) if isinstance(node, Scalar) else None
    raise Unfit("a section of `key: value` lines", hint)


_MAX_WRITTEN = 6
"""Keys that a hint writes out."""


def _keys_to_write(fields: Mapping[str, Any]) -> str | None:
    """A section with the keys that are required, or with all where none is; None where they are
    too many for a hint."""
    needed = _required(fields) or fields
    members = ", ".join(f"{key}: …" for key in fields if key in needed)
    return f"write {{{members}}}" if 0 < len(needed) <= _MAX_WRITTEN else None


def _optional_hook(converter: BaseConverter, as_type: Any) -> Hook:
    """A hook for `T | None`: a null is None, everything else a T. Unions of several types are a
    mistake of the plugin."""
    members = tuple(member for member in get_args(as_type) if member is not types.NoneType)
    if len(members) != 1:
        raise TypeError(f"a configuration field cannot be {as_type}: only `T | None` is structured")

    def hook(node: Node, _: Any) -> Any:
        is_null = isinstance(node, Scalar) and node.is_null
        return None if is_null else converter.structure(node, members[0])

    return hook


def _listing_hook(converter: BaseConverter, as_type: Any) -> Hook:
    item_type = (*get_args(as_type), Any)[0]
    build = get_origin(as_type) or as_type
    build = build if build in (tuple, list, frozenset, set) else tuple

    def hook(node: Node, _: Any) -> Any:
        if not isinstance(node, Listing):
            raise Unfit("a list", "write one item per line, each after `- `")
        collector, items = _Collector(), []
        for number, item in enumerate(node.items, 1):
            with collector.at(f"item {number}", item):
                items.append(converter.structure(item, item_type))
        collector.finish()
        return build(items)

    return hook


def _mapping_hook(converter: BaseConverter, as_type: Any) -> Hook:
    value_type = (*get_args(as_type)[1:], Any)[0]

    def hook(node: Node, _: Any) -> Any:
        collector, values = _Collector(), {}
        for key, value in _section(node).items():
            with collector.at(key, value):
                values[key] = converter.structure(value, value_type)
        collector.finish()
        return values

    return hook


def fields_of(as_type: Any) -> Mapping[str, Any]:
    """Key -> attrs field of everything that a section read into `as_type` may have."""
    attrs.resolve_types(as_type)
    keyed = {field.metadata.get(YAML_KEY, field.name): field for field in attrs.fields(as_type)}
    return {key: field for key, field in keyed.items() if key is not None and field.init}


def _class_hook(converter: BaseConverter, as_type: Any) -> Hook:
    """A hook for an attrs class: reports unknown and missing keys, then converts and validates each
    member."""
    fields = fields_of(as_type)

    def hook(node: Node, _: Any) -> Any:
        section, collector = _section(node, fields), _Collector()
        _add_unknown(section, fields, collector)
        section = meant(section, fields)
        values = _members(converter, section, fields, collector)
        for key in _required(fields) - section.keys():
            example = fields[key].metadata.get(YAML_EXAMPLE, "…")
            collector.add(section.place, f"`{key}` is missing", f"add the line `{key}: {example}`")
        _validate(section, fields, values, collector)
        collector.finish()
        return as_type(**{fields[key].alias: value for key, value in values.items()})

    return hook


def _add_unknown(section: Section, known: Mapping[str, Any], collector: _Collector) -> None:
    for number, key in enumerate(key for key in section if key not in known):
        # What is near is looked for as long as it is shown: it takes 0.3 ms a key.
        hint = suggest(key, known, noun="known keys") if number < MAX_SHOWN else None
        collector.add(section.place_of(key), f"unknown key `{key}`", hint)


def meant(section: Section, known: Collection[str]) -> Section:
    """`section` with the values of misspelt keys under the `known` keys that are meant, so that the
    faults of these values are found together with that of the spelling."""
    unknown = islice((key for key in section if key not in known), MAX_SHOWN)
    near = {nearest(key, known): key for key in unknown}
    found = {key: section[near[key]] for key in near if key is not None and key not in section}
    return Section({**section, **found}, section.place) if found else section


def _members(
    converter: BaseConverter, section: Section, fields: Mapping[str, Any], collector: _Collector
) -> dict[str, Any]:
    """The converted members by key. A null takes the field's default, where it has one."""
    values = {}
    for key in section.keys() & fields.keys():
        field, node = fields[key], section[key]
        if section.given(key) is None and field.default is not attrs.NOTHING:
            continue
        with collector.at(key, node, hides=field.repr is not True):
            values[key] = converter.structure(node, field.type)
    return values


def _required(fields: Mapping[str, Any]) -> set[str]:
    return {key for key, field in fields.items() if field.default is attrs.NOTHING}


def _validate(
    section: Section, fields: Mapping[str, Any], values: Mapping[str, Any], collector: _Collector
) -> None:
    """Run the validator of each field here: the class itself would stop at the first that fails."""
    instance = SimpleNamespace(**{fields[key].name: value for key, value in values.items()})
    for key, value in values.items():
        field = fields[key]
        if field.validator is not None:
            with collector.at(key, section[key], hides=field.repr is not True):
                field.validator(instance, field, value)


_FACTORIES: tuple[tuple[Callable[[Any], bool], Callable[[BaseConverter, Any], Hook]], ...] = (
    (_is(Any), _plain_hook),
    (_is(Union, types.UnionType), _optional_hook),
    (_is(tuple, list, set, frozenset, Sequence), _listing_hook),
    (_is(dict, Mapping), _mapping_hook),
    (attrs.has, _class_hook),
)
