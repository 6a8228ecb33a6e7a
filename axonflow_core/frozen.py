"""`frozen` for the values that every call makes by the dozen: attrs' own, made in 50 to 75 % of the
time.

attrs fills a frozen value through `object.__setattr__`, at 0.1 us a field, for its class refuses
assignment. Here a value is filled while it is of a subclass that differs in nothing but that it
takes assignments, and nobody sees it before it is full and of its own class:

    Text(…)                  3 fields      0.55 us -> 0.39 us
    Inference(…)             7 fields      1.29 us -> 0.79 us
    CompletionRequest(…)    10 fields      1.32 us -> 0.65 us

All else (equality, hash, repr, `evolve`, `match`, pickling) is attrs' doing, and to a type checker
this is `attrs.frozen` itself. For classes whose fields are all given or have a plain default; a
subclass must be decorated too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

T = TypeVar("T")

if TYPE_CHECKING:
    from attrs import frozen as frozen
else:

    def frozen(cls: type[T]) -> type[T]:
        cls = attrs.frozen(cls)
        # Only with both of object's methods does the interpreter take assignment for ordinary, and
        # make it fast.
        ordinary = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
        _OPEN[cls] = type(cls.__name__, (cls,), {"__slots__": (), **ordinary})
        cls.__init__ = update_wrapper(_init_of(cls), cls.__init__)
        return cls


_OPEN: dict[type[Any], type[Any]] = {}


def open_class(cls: type[T]) -> type[T]:
    """The class that a value of `cls` is of while it is filled.

    For a function that fills many by hand, all fields of each, and sets `__class__` to `cls` before
    anybody sees them: without the call of `__init__` that takes two thirds of the time.
    """
    return _OPEN[cls]


def _init_of(cls: type[Any]) -> Callable[..., None]:
    """`__init__` as a person would write it, between two changes of the class."""
    fields = attrs.fields(cls)
    told = [_parameter(field) for field in fields if not field.kw_only]
    named = [_parameter(field) for field in fields if field.kw_only]
    source = [
        f"def __init__({', '.join(['self', *told, *(['*', *named] if named else [])])}):",
        "    change_class(self, opened)",
        *[f"    self.{field.name} = {field.name}" for field in fields],
        "    self.__class__ = cls",
    ]
    scope = {
        "cls": cls,
        "opened": open_class(cls),
        "change_class": vars(object)["__class__"].__set__,
        **{f"default_{field.name}": field.default for field in fields},
    }
    code = compile("\n".join(source), f"<init of {cls.__qualname__}>", "exec")
    exec(code, scope)  # noqa: S102 - as attrs itself does; nothing in it comes from outside
    init: Callable[..., None] = scope["__init__"]
    return init


def _parameter(field: attrs.Attribute[Any]) -> str:
    return field.name if field.default is attrs.NOTHING else f"{field.name}=default_{field.name}"
