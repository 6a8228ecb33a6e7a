"""Every other method of the SDK: what this server does not have is an error of the SDK's own, with
the server's words in it, and never one of a JSON parser or a validator."""

from __future__ import annotations

import enum
import importlib
import inspect
import json
import pkgutil
import types
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

axonflow = pytest.importorskip("axonflow", reason="the product's SDK, axonflow, is not installed")

from axonflow import AxonFlow  # noqa: E402
from axonflow.exceptions import AxonFlowError  # noqa: E402
from pydantic import BaseModel, ValidationError  # noqa: E402

from .governed import Governed  # noqa: E402

NAMES = {
    name: value
    for module in pkgutil.iter_modules(axonflow.__path__, "axonflow.")
    if not module.ispkg
    for name, value in vars(importlib.import_module(module.name)).items()
}
"""What the SDK's annotations name, some of it for type checkers alone."""
NOT_ASKED = frozenset(("close", "send", "stream_execution_status", "evaluate_all"))
"""What sends nothing, streams, or refuses a made-up argument before it is sent."""


def made_up(hint: Any) -> Any:
    """A value of that type."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return made_up(inner[0])
    if origin is Literal:
        return inner[0]
    if origin in (list, tuple, dict):
        return origin()
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return next(iter(hint))
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        required = {name: f for name, f in hint.model_fields.items() if f.is_required()}
        return hint.model_construct(**{n: made_up(f.annotation) for n, f in required.items()})
    simple = {str: "x", int: 1, float: 0.5, bool: True, datetime: datetime.now(UTC)}
    return simple.get(hint, {})


def arguments_of(method: Callable[..., Any]) -> dict[str, Any]:
    """A value for each argument that the method needs."""
    hints = get_type_hints(method, localns=NAMES)
    return {
        name: made_up(hints.get(name, str))
        for name, parameter in inspect.signature(method).parameters.items()
        if parameter.default is parameter.empty and name != "self"
    }


METHODS = sorted(
    name
    for name, method in inspect.getmembers(AxonFlow, inspect.iscoroutinefunction)
    if not name.startswith("_") and name not in NOT_ASKED
)


async def test_no_method_of_the_sdk_meets_what_it_cannot_read(server: Governed) -> None:
    surprises, refused = [], 0
    async with AxonFlow(**server.options(), map_timeout=10, timeout=10) as client:
        for name in METHODS:
            method = getattr(client, name)
            try:
                await method(**arguments_of(getattr(AxonFlow, name)))
            except AxonFlowError:
                refused += 1
            except (json.JSONDecodeError, ValidationError, KeyError, TypeError) as error:
                surprises.append(f"{name}: {type(error).__name__} {error}"[:300])
            except ValueError as error:
                surprises += [f"{name}: {error}"] if "SDK" in str(error) else []
    assert surprises == []
    assert len(METHODS) > 100 and refused > 60
