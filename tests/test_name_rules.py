"""Names that a model takes, made from any others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.codec.name_rules import NameRule

TOOLS = NameRule("a-zA-Z0-9_-", 64)
DOCUMENTS = NameRule(r"a-zA-Z0-9 \-()\[\]", 200, stand_in="-", single=" ")
NARROW = NameRule("ab", 9, stand_in="a")
IDS = NameRule("a-zA-Z0-9", 9, stand_in="0", min_length=9, also="its_own_[a-z]+")
SPELLINGS = st.sampled_from([TOOLS, DOCUMENTS, IDS])
NAMES = st.lists(
    st.one_of(
        st.text(max_size=8), st.text("a. _-", max_size=5), st.text(min_size=150, max_size=260)
    )
)


@given(SPELLINGS, NAMES)
def test_every_name_is_spelled_right(spelling: NameRule, names: list[str]) -> None:
    spelled = spelling.of(names)
    assert all(spelling.accepts(spelled.get(name, name)) for name in names)


@given(SPELLINGS, NAMES)
def test_different_names_stay_different(spelling: NameRule, names: list[str]) -> None:
    spelled = spelling.of(names)
    sent = {spelled.get(name, name) for name in names}
    assert len(sent) == len(set(names))


@given(SPELLINGS, NAMES)
def test_a_right_name_stays_as_it_is(spelling: NameRule, names: list[str]) -> None:
    assert not [name for name in spelling.of(names) if spelling.accepts(name)]
    assert spelling.of(filter(spelling.accepts, names)) == {}


@given(SPELLINGS, NAMES, NAMES)
def test_a_conversation_that_goes_on_is_spelled_as_before(
    spelling: NameRule, names: list[str], more: list[str]
) -> None:
    more = [
        name for name in more if not spelling.accepts(name)
    ]  # a right name may take the place of a spelled one
    before, after = spelling.of(names), spelling.of([*names, *more])
    assert {name: after[name] for name in before} == before


def test_names_that_collide_are_told_apart() -> None:
    spelled = TOOLS.of(["fs.read", "fs_read", "fs:read"])
    assert spelled["fs.read"] != "fs_read" and spelled["fs.read"] != spelled["fs:read"]
    assert all(name.startswith("fs_read") for name in spelled.values())
    assert TOOLS.of(["fs.read"]) == {"fs.read": "fs_read"}, "the control: nothing collides"


def test_an_empty_name_gets_one() -> None:
    assert TOOLS.accepts(TOOLS.of([""])[""])


def test_blanks_in_a_row_are_wrong_where_they_are() -> None:
    assert DOCUMENTS.of(["a  b.pdf"]) == {"a  b.pdf": "a -b-pdf"}
    assert DOCUMENTS.accepts("a b (1)[2]-pdf") and not DOCUMENTS.accepts("a_b")


def test_a_long_name_is_cut() -> None:
    assert TOOLS.of(["x" * 65]) == {"x" * 65: "x" * 64}
