"""A statement that does not fit its object, refused in words.

    with runtime.stream("Hi") as stream: …          needs `async with`

Python's own error is a TypeError that names the method which the object lacks, and no way out.
`refuses` gives a class these methods, and each raises a `RequestError` that shows what to write.
Type checkers do not see them: to them the statement is wrong as before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from axonflow_core.errors import RequestError

T = TypeVar("T")

_METHODS = {
    "with": ("__enter__", "__exit__"),
    "async with": ("__aenter__", "__aexit__"),
    "for": ("__iter__",),
    "async for": ("__aiter__",),
    "await": ("__await__",),
}
"""Statement -> the methods that the interpreter looks for."""


def refuses(*statements: str, write: str) -> Callable[[type[T]], type[T]]:
    """Decorates a class whose objects `statements` do not fit; `write` is what to write instead."""

    def decorate(kind: type[T]) -> type[T]:
        for statement in statements:
            for method in _METHODS[statement]:
                setattr(kind, method, _refusal(statement, write))
        return kind

    return decorate


def _refusal(statement: str, write: str) -> Callable[..., NoReturn]:
    def refuse(self: object, *_: Any) -> NoReturn:
        raise RequestError(
            f"`{statement}` does not fit {type(self).__name__}", hint=f"write `{write}`"
        )

    return refuse
