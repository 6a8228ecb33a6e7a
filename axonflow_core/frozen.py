"""`frozen` for every value: attrs' own, made in half the time, its class built in a tenth of it.

attrs fills a frozen value through `object.__setattr__`, at 0.1 us a field, because its class
refuses assignment. Here `__init__` changes the class of the new instance to a subclass that differs
in nothing but that it takes assignments, assigns the fields, and changes the class back:

    def __init__(self, text, citations=(), *, extra=EMPTY):
        _change_class(self, _opened)
        if not (type(text) is str and text.isascii()):
            text = convert_text(text)
        self.text = text
        ...
        self.__class__ = _cls

Converters, validators, `Factory` defaults, fields without `init` and `__attrs_post_init__` mean
what they mean to attrs; `__attrs_pre_init__` is refused at decoration. Two things are added:

* `passing(converter, test)` names an expression that is true of a value that `converter` returns
  as it is. It is compiled into `__init__`, so a value that is right costs no call.
* A converter that raises `Unfit` is reported as a `RequestError` that names class and field.

Most classes of a process are never used, and most of what a class costs is to collect its fields
and to compile its methods. So each happens when it is first looked up (`_Later`); until then the
class has its slots. `__eq__`, `__hash__` and `__repr__` are those that attrs compiles for a class
with the same fields.

`evolve` is attrs' too, in a fifth of the time: it converts the fields that change and copies the
others, which were converted when the value was made.

All else (`match`, pickling) is attrs' doing, and to a type checker these are `attrs.frozen` and
`attrs.evolve` themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, cached_property, lru_cache, partial
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from axonflow_core.errors import RequestError

T = TypeVar("T")


class Unfit(ValueError):
    """What a converter raises: `takes` is what its field takes, `got` what was given instead, and
    `hint` what to write, where that is known."""

    def __init__(self, takes: str, got: str, hint: str | None = None) -> None:
        super().__init__(f"{takes} expected, not {got}")
        self.takes = takes
        self.got = got
        self.hint = hint


_TESTS: dict[Any, tuple[str, dict[str, Any]]] = {}


def passing(converter: Any, test: str, **names: Any) -> None:
    """Values for which `test` is true are returned by `converter` as they are.

    `test` is an expression in which `{0}` stands for the value; `names` are what else it uses.
    """
    _TESTS[converter] = (test.replace("type(", "type_of("), names)


if TYPE_CHECKING:
    from attrs import evolve as evolve
    from attrs import frozen as frozen
else:

    def frozen(cls: type[T] | None = None, **options: Any) -> Any:
        """As `attrs.frozen`, with or without options."""
        if cls is None:
            return lambda cls: frozen(cls, **options)
        if hasattr(cls, "__attrs_pre_init__"):
            raise TypeError(f"{cls.__name__}: frozen does not support __attrs_pre_init__")
        if options.get("order"):  # needs attrs' equality
            return attrs.frozen(cls, **options)
        later = _methods(**options) - vars(cls).keys()
        if _is_plain(cls, options):
            slotted = _slotted(cls)
            for name in _COLLECTED:
                setattr(slotted, name, _Later(slotted, name, partial(_collect, cls, options)))
        else:
            slotted, fields = _bare(cls, options)
            _set_fields(slotted, fields)
        for name in later:
            make = _init_of if name == "__init__" else _method_of_attrs
            setattr(slotted, name, _Later(slotted, name, make))
        return slotted

    def evolve(value: T, /, **changes: Any) -> T:
        """As `attrs.evolve`."""
        return _evolver(type(value), tuple(changes))(value, **changes)


def _methods(*, init: bool = True, repr: bool = True, eq: bool = True, **_: object) -> set[str]:
    """The methods that these options of attrs' ask for."""
    wanted = {"__init__": init, "__repr__": repr, "__eq__": eq, "__hash__": eq}
    return {name for name, is_wanted in wanted.items() if is_wanted}


class _Blank:
    """What attrs is shown of a field while it builds a class. It compiles an `__attrs_init__` of
    all fields, even where no `__init__` is asked for; of these it is empty."""

    init = kw_only = False
    default = attrs.NOTHING
    converter = validator = on_setattr = None

    def __init__(self, name: str) -> None:
        self.name = self.alias = name


def _bare(cls: type[T], options: dict[str, Any]) -> tuple[type[T], list[attrs.Attribute[Any]]]:
    """attrs' class of the fields of `cls`, without the methods that are compiled later."""
    fields: list[attrs.Attribute[Any]] = []

    def blanks(_: type, found: list[attrs.Attribute[Any]]) -> list[Any]:
        fields.extend(found)
        return [_Blank(field.name) for field in found]

    later = dict.fromkeys(("init", "repr", "eq", "match_args"), False)
    return attrs.frozen(cls, **options | later, field_transformer=blanks), fields


_COLLECTED = (
    *("__attrs_attrs__", "__attrs_props__", "__match_args__"),
    *("__getstate__", "__setstate__"),
)
"""What attrs gives to a class by its fields."""


def _collect(original: type[Any], options: dict[str, Any], cls: type[Any], name: str) -> Any:
    """Let attrs collect the fields of `cls` from the class as it was written."""
    bare, fields = _bare(original, options)
    for each in _COLLECTED:
        setattr(cls, each, vars(bare).get(each))
    _set_fields(cls, fields)
    return vars(cls)[name]


def _set_fields(cls: type[Any], fields: list[attrs.Attribute[Any]]) -> None:
    members = {
        "__attrs_attrs__": type(attrs.fields(cls))(fields),
        "__match_args__": tuple(field.name for field in fields if field.init and not field.kw_only),
    }
    for name, member in members.items():
        setattr(cls, name, member)


def _is_plain(cls: type[Any], options: dict[str, Any]) -> bool:
    """Whether the class has annotated fields and methods and nothing more, so that its slots are
    known before attrs has collected its fields."""
    kinds = cls.__annotations__
    return (
        options.keys() <= {"kw_only", "eq"}
        and not issubclass(cls, BaseException)
        and not any("ClassVar" in str(kind) for kind in kinds.values())
        and not any(
            _is_for_attrs(member) for name, member in vars(cls).items() if name not in kinds
        )
        and not vars(cls).keys() & {"__slots__", "__setattr__", "__delattr__", *_COLLECTED}
    )


def _is_for_attrs(member: object) -> bool:
    """Whether a member is a field without annotation, or attrs has to change it when it copies the
    class: a cached property, or a function that names its class (`super()`)."""
    function = getattr(member, "__func__", getattr(member, "fget", member))
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    return isinstance(member, (_Field, cached_property)) or "__class__" in names


_Field = type(attrs.field())
_NO_FIELDS = vars(attrs.frozen(type("NoFields", (), {})))
"""The members of a class of attrs' without fields: how it refuses assignment."""


def _slotted(cls: type[Any]) -> type[Any]:
    """A copy of `cls` with a slot for each field that it declares."""
    bases = cls.__mro__[1:-1]
    there = {slot for base in bases for slot in getattr(base, "__slots__", ())}
    if any(vars(base).get("__weakref__") for base in bases):
        there.add("__weakref__")
    fields = cls.__annotations__.keys()
    dropped = {"__dict__", "__weakref__", *fields}
    body = {name: member for name, member in vars(cls).items() if name not in dropped}
    body["__slots__"] = tuple(name for name in (*fields, "__weakref__") if name not in there)
    body["__qualname__"] = cls.__qualname__
    body |= {name: _NO_FIELDS[name] for name in ("__setattr__", "__delattr__")}
    metaclass: Any = type(cls)
    copy: type[Any] = metaclass(cls.__name__, cls.__bases__, body)
    return copy


class _Later:
    """A member that is made when it is first looked up, and then stands in its own place."""

    def __init__(self, cls: type[Any], name: str, make: Callable[[type[Any], str], Any]) -> None:
        self._cls = cls
        self._name = name
        self._make = make

    def __get__(self, value: object, owner: type[Any] | None = None) -> Any:
        member = self._make(self._cls, self._name)
        setattr(self._cls, self._name, member)
        bind = getattr(member, "__get__", None)
        return member if bind is None else bind(value, owner)


def _method_of_attrs(cls: type[Any], name: str) -> Any:
    """The method that attrs compiles for a class with these fields: it names no class."""
    fields = {
        field.name: attrs.field(
            eq=field.eq_key or field.eq, hash=field.hash, repr=field.repr, init=field.init
        )
        for field in attrs.fields(cls)
    }
    body = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
    twin = attrs.make_class(cls.__name__, fields, class_body=body, frozen=True, init=False)
    return vars(twin)[name]


def _init_of(cls: type[Any], name: str) -> Any:
    """`__init__` as a person would write it, between two changes of the class."""
    scope = _scope(cls)
    scope["_init_of"] = cache(partial(_init_of, name=name))
    fields = attrs.fields(cls)
    given = ", ".join(f"{field.alias}={field.alias}" for field in fields if field.init)
    source = [
        f"def {name}({_signature(fields, scope)}):",
        # A subclass that is not decorated has this method too.
        f"    if self.__class__ is not _cls: return _init_of(self.__class__)(self, {given})",
        "    _change_class(self, _opened)",
        *(f"    {line}" for field in fields for line in _filling(cls, field, scope)),
        "    self.__class__ = _cls",
        *(f"    {line}" for field in fields for line in _validation(field, scope)),
    ]
    if hasattr(cls, "__attrs_post_init__"):
        source.append("    self.__attrs_post_init__()")
    init: Any = _compiled(name, source, scope)
    init.__module__, init.__qualname__ = cls.__module__, f"{cls.__qualname__}.{name}"
    takes = {field.alias: _takes(field) for field in fields if field.init}
    init.__annotations__ = {"return": None} | {name: kind for name, kind in takes.items() if kind}
    return init


@lru_cache(maxsize=512)
def _evolver(cls: type[Any], names: tuple[str, ...]) -> Callable[..., Any]:
    """What copies a value of `cls` with other fields of these `names`."""
    fields = attrs.fields(cls)
    given = {field.alias for field in fields if field.init}
    is_plain = all(field.init for field in fields) and not hasattr(cls, "__attrs_post_init__")
    if not names or not is_plain or not given.issuperset(names) or cls.__dictoffset__:
        return attrs.evolve
    scope = _scope(cls)
    source = [
        f"def evolve({', '.join(['_old', '*', *names])}):",
        "    self = _create(_opened)",
    ]
    for field in fields:
        if field.alias not in names:
            source.append(f"    self.{field.name} = _old.{field.name}")
            continue
        if field.converter is not None:
            source += [f"    {line}" for line in _conversion(cls, field, str(field.alias), scope)]
        source.append(f"    self.{field.name} = {field.alias}")
    source += [
        "    self.__class__ = _cls",
        *(f"    {line}" for field in fields for line in _validation(field, scope)),
        "    return self",
    ]
    return _compiled("evolve", source, scope)


def _scope(cls: type[Any]) -> dict[str, Any]:
    """The globals of what is compiled for `cls`: every object that it uses, over those of the
    class' module, in which `get_type_hints` resolves annotations. No field is called so."""
    # Only with both of object's methods does the interpreter take assignment for ordinary.
    ordinary = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    return {
        **vars(sys.modules[cls.__module__]),
        # In profiles it is generated code, none of the module's functions.
        "__name__": f"<methods of {cls.__qualname__}>",
        "_cls": cls,
        "_opened": type(cls.__name__, (cls,), {"__slots__": (), **ordinary}),
        "_create": object.__new__,
        "_change_class": vars(object)["__class__"].__set__,
        "NOTHING": attrs.NOTHING,
        "type_of": type,
    }


def _compiled(name: str, source: list[str], scope: dict[str, Any]) -> Callable[..., Any]:
    """The function of that name; its source is built of names of fields alone."""
    code = compile("\n".join(source), scope["__name__"], "exec")
    exec(code, scope)  # noqa: S102 - as attrs itself does; nothing in it comes from outside
    function: Callable[..., Any] = scope[name]
    return function


def _takes(field: attrs.Attribute[Any]) -> Any:
    """The type that a parameter of `__init__` is annotated with: what its converter takes, else
    that of the field."""
    if field.converter is None:
        return field.type
    converter: Any = field.converter
    if isinstance(converter, attrs.Converter):
        converter = converter.converter  # type: ignore[attr-defined]
    with suppress(ValueError, TypeError):  # of some built-in types nothing is known
        for parameter in signature(converter).parameters.values():
            return None if parameter.annotation is Parameter.empty else parameter.annotation
    return None


def _signature(fields: tuple[attrs.Attribute[Any], ...], scope: dict[str, Any]) -> str:
    """The parameters of `__init__`, in attrs' order: positional ones, then keyword-only ones."""
    given = [field for field in fields if field.init]
    positional = [_parameter(field, scope) for field in given if not field.kw_only]
    keywords = [_parameter(field, scope) for field in given if field.kw_only]
    return ", ".join(["self", *positional, *(["*", *keywords] if keywords else [])])


def _parameter(field: attrs.Attribute[Any], scope: dict[str, Any]) -> str:
    """One parameter with its default. A `Factory` default is the sentinel NOTHING, as attrs has
    it."""
    if field.default is attrs.NOTHING:
        return str(field.alias)
    if isinstance(field.default, attrs.Factory):  # type: ignore[arg-type]
        return f"{field.alias}=NOTHING"
    scope[f"default_{field.name}"] = field.default
    return f"{field.alias}=default_{field.name}"


def _filling(cls: type, field: attrs.Attribute[Any], scope: dict[str, Any]) -> Iterator[str]:
    """The lines that give one field its value."""
    name = field.alias if field.init else f"value_of_{field.name}"
    if isinstance(field.default, attrs.Factory):  # type: ignore[arg-type]
        factory: Any = field.default
        scope[f"make_{field.name}"] = factory.factory
        made = f"make_{field.name}({'self' if factory.takes_self else ''})"
        yield f"if {name} is NOTHING: {name} = {made}" if field.init else f"{name} = {made}"
    elif not field.init:
        if field.default is attrs.NOTHING:
            return  # `__attrs_post_init__` sets it
        scope[str(name)] = field.default
    if field.converter is not None:
        yield from _conversion(cls, field, str(name), scope)
    yield f"self.{field.name} = {name}"


def _conversion(
    cls: type, field: attrs.Attribute[Any], name: str, scope: dict[str, Any]
) -> Iterator[str]:
    """The lines that convert one field: the tests that a right value passes, else a call of the
    converter."""
    converter: Any = field.converter
    more = ""
    if isinstance(field.converter, attrs.Converter):
        scope[f"field_{field.name}"] = field
        more += ", self" if converter.takes_self else ""
        more += f", field_{field.name}" if converter.takes_field else ""
        converter = converter.converter
    scope[f"convert_{field.name}"] = _reporting(converter, f"{cls.__name__}.{field.name}")
    test, names = _TESTS.get(converter, ("", {}))
    scope.update(names)
    tests = []
    if _is_right(field, converter, more):
        scope[f"default_{field.name}"] = field.default
        tests.append(f"{name} is default_{field.name}")
    if test:
        tests.append(test.format(name))
    call = f"{name} = convert_{field.name}({name}{more})"
    if "_encode(" in test:  # for its error; what it encodes is of no use
        yield f"try: is_right = {' or '.join(tests)}"
        yield "except UnicodeEncodeError: is_right = False"
        yield f"if not is_right: {call}"
    else:
        yield f"if not ({' or '.join(tests)}): {call}" if tests else call


def _is_right(field: attrs.Attribute[Any], converter: Callable[..., Any], more: str) -> bool:
    """Whether the default is what the converter would make of it."""
    has_value = field.init and field.default is not attrs.NOTHING
    if more or not has_value or isinstance(field.default, attrs.Factory):  # type: ignore[arg-type]
        return False
    return converter(field.default) is field.default


def _reporting(converter: Callable[..., Any], field: str) -> Callable[..., Any]:
    """`converter`, whose `Unfit` becomes a `RequestError` that names the field."""

    def convert(*given: Any) -> Any:
        try:
            return converter(*given)
        except Unfit as unfit:
            message = f"{field} takes {unfit.takes}, not {unfit.got}"
            raise RequestError(message, hint=unfit.hint) from None

    return convert


def _validation(field: attrs.Attribute[Any], scope: dict[str, Any]) -> Iterator[str]:
    """The line that calls a field's validator, after all fields are set, as attrs does."""
    if field.validator is not None:
        scope[f"field_{field.name}"] = field
        scope[f"validate_{field.name}"] = field.validator
        yield f"validate_{field.name}(self, field_{field.name}, self.{field.name})"
