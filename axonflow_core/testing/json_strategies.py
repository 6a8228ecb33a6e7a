"""Hypothesis strategies of any JSON, as tool arguments, settings and undocumented members hold
it."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from axonflow_core.messages import Json

UNICODE = st.characters(exclude_categories=["Cs"])
"""Every character that UTF-8 can carry."""


def json_values() -> SearchStrategy[Json]:
    """Any JSON value of whole numbers below 2**53, finite floats and UTF-8."""
    scalars = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(UNICODE, max_size=8),
    )
    return st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(UNICODE, max_size=6), inner, max_size=3)
        ),
        max_leaves=6,
    )


def json_objects() -> SearchStrategy[dict[str, Json]]:
    """Small JSON objects with any keys and values, for tool arguments, settings and options."""
    return st.dictionaries(st.text(UNICODE, max_size=6), json_values(), max_size=3)


def schemas() -> SearchStrategy[dict[str, Json]]:
    """Schemas of objects, whose properties are schemas with members that no standard knows."""
    properties = st.dictionaries(st.text(UNICODE, max_size=6), json_objects(), max_size=3)
    return properties.map(lambda described: {"type": "object", "properties": described})
