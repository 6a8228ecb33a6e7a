"""Cache points: how many, how long, and to which models."""

from __future__ import annotations

from collections.abc import Iterator

from axonflow_core.frozen import frozen
from axonflow_core.messages import Json

from .body import Body, Form, Kind, member, objects
from .row import CLAUDE, CLAUDE_FORMS, CONVERSE_ALONE, Row, claude, extraneous, malformed_words

_MOST = 4
_KEYS = ("tools", "toolConfig", "system", "messages")
"""The order in which a prompt is cached."""


@frozen
class _Point:
    place: str
    ttl: str | None


def _points(body: Body) -> list[_Point]:
    """The cache points of a body, in the order in which they are cached."""
    return [point for key in _KEYS for point in _points_in(body.json.get(key), key)]


def _points_in(value: Json, place: str) -> Iterator[_Point]:
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _points_in(item, f"{place}.{number}")
    if isinstance(value, dict):
        for key in ("content", "tools"):
            yield from _points_in(value.get(key), f"{place}.{key}")
        for key in ("cachePoint", "cache_control"):
            if isinstance(point := value.get(key), dict):
                yield _Point(f"{place}.{key}", point.get("ttl"))


def _too_many(body: Body) -> Iterator[str]:
    if len(points := _points(body)) > _MOST:
        yield (
            f"A maximum of {_MOST} blocks with cache_control may be provided. Found {len(points)}."
        )


def _unsupported(body: Body) -> Iterator[str]:
    if _points(body):
        yield (
            "You invoked an unsupported model or your request did not allow prompt caching. See "
            "the documentation for more information."
        )


def _ttl_to_nova(body: Body) -> Iterator[str]:
    for point in _points(body):
        if point.ttl is not None:
            place = point.place.replace(".", "/")
            yield malformed_words(f"#/{place}: {extraneous('ttl')}")


def _among_tools_of_nova(body: Body) -> Iterator[str]:
    for number, tool in enumerate(objects(member(body.json, "toolConfig", "tools"))):
        if "cachePoint" in tool:
            yield malformed_words(f"#/toolConfig/tools/{number}: {extraneous('cachePoint')}")


def _beside_results_of_nova(body: Body) -> Iterator[str]:
    for turn in body.turns:
        if turn.of(Kind.RESULT) and (points := turn.of(Kind.CACHE)):
            place = points[0].place.replace(".", "/")
            yield malformed_words(f"#/{place}: {extraneous('cachePoint')}")


def _long_after_short(body: Body) -> Iterator[str]:
    points = _points(body)
    for number, point in enumerate(points):
        if point.ttl == "1h" and any(before.ttl != "1h" for before in points[:number]):
            yield (
                f"{point.place}.ttl: a ttl='1h' cache_control block must not come after a ttl='5m' "
                "cache_control block. Note that blocks are processed in the following order: "
                "`tools`, `system`, `messages`."
            )


ROWS: tuple[Row, ...] = (
    Row(
        name="cache points, to a model that caches nothing",
        words=_unsupported,
        source="AWS user guide, Prompt caching, Supported models, November 2026; public "
        "measurements of Qwen, gpt-oss and Kimi, 2026",
        forms=CONVERSE_ALONE,
        except_models=(*CLAUDE, "amazon.nova"),
        code="AccessDeniedException",
    ),
    Row(
        name="cache points, to the first Claudes",
        words=_unsupported,
        source="AWS user guide, Prompt caching, Supported models, November 2026",
        forms=CONVERSE_ALONE,
        models=claude("v1", "v2", "instant", "3-haiku", "3-sonnet", "3-opus"),
        code="AccessDeniedException",
    ),
    Row(
        name="too many cache points",
        words=_too_many,
        source="AWS user guide, Prompt caching, November 2026; Anthropic's API",
        forms=(*CLAUDE_FORMS, Form.NOVA),
        models=(*CLAUDE, "amazon.nova"),
        is_vendors=True,
    ),
    Row(
        name="the time of a cache point, to Nova",
        words=_ttl_to_nova,
        source="maximhq/bifrost#4527, 2026; AWS user guide, Prompt caching, November 2026",
        forms=(Form.CONVERSE, Form.NOVA),
        models=("amazon.nova",),
        is_vendors=True,
    ),
    Row(
        name="cache points among tools, to Nova",
        words=_among_tools_of_nova,
        source="danny-avila/LibreChat#13838, June 2026; NousResearch/hermes-agent#97281, August "
        "2026",
        forms=(Form.CONVERSE, Form.NOVA),
        models=("amazon.nova",),
        is_vendors=True,
    ),
    Row(
        name="cache points beside results, to Nova",
        words=_beside_results_of_nova,
        source="earendil-works/pi#2053, March 2026; zeroclaw-labs/zeroclaw#8943, August 2026",
        forms=(Form.CONVERSE, Form.NOVA),
        models=("amazon.nova",),
        is_vendors=True,
    ),
    Row(
        name="a long cache point after a short one",
        words=_long_after_short,
        source="Anthropic's page Prompt caching; public reports, May to August 2026",
        forms=CLAUDE_FORMS,
        models=CLAUDE,
        is_vendors=True,
    ),
)
