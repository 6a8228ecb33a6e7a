"""The views of a text: what the normal forms are, and that what is found in any has its place."""

from __future__ import annotations

import time
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.policy.views import View, normal, views_of

ZERO_WIDTH = "\u200b\u200c\u2060\ufeff\u00ad\u202e\ufe0f\U000e0041\x00\x07\x7f\ud800"
TEXTS = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("aZ é１Ａ…ﬁ\u0301\u0323" + ZERO_WIDTH),
    ),
    max_size=40,
)


def in_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("plain", "plain"),
        ("two\r\n\tlines", "two\r\n\tlines"),
        ("ＵＮＩＯＮ　ｓｅｌｅｃｔ", "UNION select"),
        ("un\u200bion\x00 sel\u00adect", "union select"),
        ("cafe\u0301", "café"),
        ("ﬁne…", "fine..."),
        ("\u200b\ud800", ""),
        ("漢字", "漢字"),
        ("", ""),
    ],
)
def test_the_normal_form_has_plain_letters_and_nothing_that_is_not_displayed(
    text: str, form: str
) -> None:
    assert normal(text) == form


@pytest.mark.parametrize("text", ["plain\ttext\r\n", "Übergröße", "漢字かな", "naïve ☃ 👍"])
def test_a_text_in_its_normal_form_has_one_view(text: str) -> None:
    (view,) = views_of(text)
    assert view.data.decode() == text


@given(TEXTS)
def test_a_second_view_is_missing_only_where_it_would_be_the_same(text: str) -> None:
    _, *others = views_of(text)
    forms = [other.data.decode("utf-8", "surrogatepass") for other in others[:1]]
    assert forms == [normal(text)] or (forms == [] and normal(text) == text)


@pytest.mark.parametrize("unseen", ["\0", "\x7f", "\u200b", "\u2060", "\ufeff", "\u00ad", "\u180e"])
def test_what_is_not_displayed_may_stand_for_a_blank(unseen: str) -> None:
    text = f"ｄrop{unseen}table"
    assert [view.data for view in views_of(text)][1:] == [b"droptable", b"drop table"]
    assert views_of(text)[-1].span(0, len("drop table")) == (0, len(text))


@given(TEXTS)
def test_the_normal_form_is_that_of_unicode_for_what_is_displayed(text: str) -> None:
    """Save for what composes across segments, which the outer form composes here."""
    displayed = "".join(one for one in text if normal(one))
    assert normalize("NFKC", normal(text)) == normalize("NFKC", displayed)


@given(TEXTS, st.data())
def test_a_span_of_any_view_is_a_span_of_the_text(text: str, data: st.DataObject) -> None:
    for view in views_of(text):
        if view.data:
            start = data.draw(st.integers(0, len(view.data) - 1))
            end = data.draw(st.integers(start + 1, len(view.data)))
            first, last = view.span(start, end)
            assert 0 <= first <= last <= len(text)


@given(st.text(max_size=3_000), st.data())
def test_bytes_of_the_text_itself_are_its_characters(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    view = View(text.encode("utf-8", "surrogatepass"))
    before, found = (
        part.encode("utf-8", "surrogatepass") for part in (text[:start], text[start:end])
    )
    assert view.span(len(before), len(before) + len(found)) == (start, end)


@given(st.text(max_size=8), st.text(max_size=8), st.sampled_from(ZERO_WIDTH))
def test_what_is_hidden_by_form_is_found_at_its_place(
    before: str, behind: str, hiding: str
) -> None:
    hidden = hiding.join("ＡＢＣ")
    text = f"{before}|{hidden}|{behind}"
    view = views_of(text)[1]
    start = view.data.index(b"|ABC|", len(in_bytes(normal(before))))
    first, last = view.span(start, start + len(b"|ABC|"))
    assert text[first:last].strip(ZERO_WIDTH) == f"|{hidden}|"


@pytest.mark.parametrize(
    "text", ["a" + "\u0301\u0323" * 50_000, "\u200b" * 100_000, "\0a" * 50_000, "\ufdfa" * 50_000]
)
def test_no_text_takes_more_than_linear_time(text: str) -> None:
    """Unicode's own normal form of the first one takes minutes."""
    start = time.process_time()
    views_of(text)
    assert time.process_time() - start < 3
