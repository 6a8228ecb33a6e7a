"""Bodies that no client should send, made of those that it does, the same in every run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import cycle
from random import Random
from typing import Any

import orjson

BODIES: Mapping[str, Any] = {
    "/api/request": {
        "query": "hello",
        "user_token": "ann",
        "client_id": None,
        "request_type": "chat",
        "context": {"provider": "echo", "model": "echo", "max_tokens": 5, "temperature": 0.5},
        "media": [{"source": "base64", "base64_data": "aGk=", "mime_type": "image/png"}],
        "skip_llm": False,
    },
    "/api/policy/pre-check": {
        "query": "hello",
        "user_token": "ann",
        "data_sources": ["sql"],
        "context": {"a": 1},
    },
    "/api/audit/llm-call": {
        "context_id": "00000000-0000-4000-8000-000000000000",
        "response_summary": "fine",
        "provider": "bedrock",
        "model": "amazon.nova-pro-v1:0",
        "token_usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
        "latency_ms": 12,
        "metadata": {"a": {"b": [1]}},
    },
    "/api/v1/budgets": {
        "id": "b",
        "name": "A budget",
        "scope": "team",
        "scope_id": "red",
        "limit_usd": 1.5,
        "period": "daily",
        "on_exceed": "warn",
        "alert_thresholds": [50, 100],
        "unknown_price": "allow",
    },
    "/api/v1/plan/{id}/cancel": {"reason": "why"},
    "/api/v1/plan/{id}/resume": {"approved": True},
    "/api/v1/budgets/check": {"user_id": "ann", "team_id": "red"},
    "/api/v1/audit/tool-call": {
        "tool_name": "search",
        "caller_name": "edge",
        "input": {"a": [1, {"b": "c"}]},
        "output": {"rows": []},
        "duration_ms": 4,
        "policies_applied": ["p"],
        "success": True,
        "error_message": "none",
    },
    "/api/v1/decide": {
        "stage": "llm",
        "query": "hello",
        "caller_identity": {"gateway_id": "g", "tenant_id": "acme"},
        "target": {"type": "llm", "model": "m", "provider": "p"},
        "context": {"a": "b"},
    },
    "/api/v1/access/evaluation": {
        "evaluation": {
            "subject": {"type": "gateway", "id": "edge", "properties": {}},
            "action": {"name": "llm.completion"},
            "resource": {"type": "llm", "id": "llm"},
            "context": {"args": {"query": "hello"}},
        }
    },
    "/api/v1/mcp/check-input": {
        "connector_type": "sql",
        "statement": "select 1",
        "operation": "query",
        "parameters": {"a": ["b", {"c": "d"}]},
        "content_type": "text/plain",
    },
    "/api/v1/mcp/check-output": {
        "connector_type": "sql",
        "response_data": [{"a": "b"}, {"c": [1, None]}],
        "message": "done",
        "metadata": {"a": "b"},
        "row_count": 2,
    },
    "/api/policies/test": {"query": "hello", "user_email": "a@b.example"},
    "/api/v1/policies/simulate": {"query": "hello"},
    "/api/v1/policies/impact-report": {"policy_id": "us_ssn", "inputs": [{"query": "hello"}]},
    "/api/v1/audit/search": {
        "limit": 5,
        "offset": 0,
        "user_email": "a@b.example",
        "start_time": "2026-01-01T00:00:00Z",
        "end_time": "2027-01-01T00:00:00+02:00",
        "action": "blocked",
        "decision_id": "x",
        "policy_name": "badge",
        "provider": "echo",
        "model": "parrot",
        "receipt": "req-1",
        "min_cost": 0.1,
        "max_cost": 2,
    },
    "/api/v1/static-policies/test": {"pattern": "a+b", "inputs": ["aab", "c"]},
}
"""Path -> a body that the route takes."""

_MARK = "\ue000"
"""Stands for a piece of JSON that no value has."""
_VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        2**63,
        2**64 - 1,
        10**15,
        1e308,
        -0.0,
        0.5,
        "",
        " ",
        "\0",
        "é\u202e🂡",
    ),
    *([], {}, [[]], [None], [{}], {"": None}, {"a": {"b": {}}}, ["a"] * 2_000, "x" * 70_000),
    *({str(number): number for number in range(2_000)}, [[[[]]]] * 500),
    "2026-13-45T99:99:99Z",
    "9999-12-31T23:59:59-23:59",
    "u_" + "0" * 32,
)
_PIECES = (
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"18446744073709551616",
    b"9" * 5_000,
    b"-" + b"1" * 400,
    b"0.1" + b"0" * 5_000 + b"1",
    b'"\\ud800"',
    b'"\\udc00x"',
    b'"\xff\xfe"',
    b'"\xed\xa0\x80"',
    b'"\\x"',
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"[" * 900 + b"]" * 900,
    b'{"a":' * 900 + b"1" + b"}" * 900,
    b"01",
    b"+1",
    b"'a'",
    b"undefined",
    b'"a" "b"',
    b"/**/1",
)
"""What stands where a value should; some of it is JSON."""


def malformed(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`count` paths with a body, each path as often as another."""
    random = Random(seed)
    for _, path in zip(range(count), cycle(BODIES), strict=False):
        yield path, random.choice(_WAYS)(random, BODIES[path])


def _swapped(random: Random, body: Any) -> bytes:
    """One or two members with a value of another type or size."""
    for _ in range(random.randint(1, 2)):
        body = _with(random, body, random.choice(_VALUES))
    return orjson.dumps(body)


def _spliced(random: Random, body: Any) -> bytes:
    """A member with a piece of something that is hardly JSON."""
    whole = orjson.dumps(_with(random, body, _MARK))
    return whole.replace(orjson.dumps(_MARK), random.choice(_PIECES), 1)


def _doubled(random: Random, body: Any) -> bytes:
    """A member that stands there twice, with another value."""
    name = random.choice(list(body))
    other = orjson.dumps({name: random.choice(_VALUES)})
    return other[:-1] + b"," + orjson.dumps(body)[1:]


def _lacking(random: Random, body: Any) -> bytes:
    """Without some of its members, or with names that nobody knows."""
    kept = {name: value for name, value in body.items() if random.random() < 0.6}
    return orjson.dumps({**kept, random.choice(["", "\0", "__proto__", "x" * 5_000]): 1})


def _cut(random: Random, body: Any) -> bytes:
    """Cut off, or with bytes in it that were changed."""
    whole = bytearray(orjson.dumps(body))
    if random.random() < 0.5:
        return bytes(whole[: random.randrange(len(whole))])
    for _ in range(random.randint(1, 4)):
        whole[random.randrange(len(whole))] = random.randrange(256)
    return bytes(whole)


def _other(random: Random, body: Any) -> bytes:
    """No object at all."""
    wholes = (b"", b" ", b"null", b"[]", b"1", b'"a"', b"\xef\xbb\xbf{}", b"\0" * 100, *_PIECES)
    return random.choice((*wholes, orjson.dumps([body])))


_WAYS: tuple[Callable[[Random, Any], bytes], ...] = (
    *(_swapped, _swapped, _spliced, _spliced),
    *(_doubled, _lacking, _cut, _other),
)


def _with(random: Random, value: Any, other: Any) -> Any:
    """`value` with `other` in the place of one of its parts."""
    if isinstance(value, dict) and value:
        name = random.choice(list(value))
        return {**value, name: _with(random, value[name], other)}
    if isinstance(value, list) and value and random.random() < 0.7:
        index = random.randrange(len(value))
        return [*value[:index], _with(random, value[index], other), *value[index + 1 :]]
    return other
