"""The views of a text: what its forms are, and that what is found in any has its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from unicodedata import normalize

import pytest
from costs import is_within
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.policy.confusables import folded
from axonflow_core.policy.views import AROUND, MAX_VIEWS, MAX_WHOLE, SPACING, View, normal, views_of

from .evasions import EVASIONS

ZERO_WIDTH = "\u200b\u200c\u2060\ufeff\u00ad\u202e\ufe0f\U000e0041\x00\x07\x7f\ud800"
TEXTS = st.lists(
    st.one_of(
        st.characters(),
        st.sampled_from("aZ é１Ａ…ﬁ\u0301\u0323" + ZERO_WIDTH),
        st.sampled_from("%27 % %2527 &#39; &amp; \\u0041 \\n %C3%A9 + %u0041 а".split()),
    ),
    max_size=40,
).map("".join)


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
def test_no_two_views_are_the_same_and_there_are_few(text: str) -> None:
    views = [view.data for view in views_of(text)]
    assert views[0] == in_bytes(text)
    assert len(set(views)) == len(views) <= MAX_VIEWS
    assert in_bytes(normal(text)) in views and in_bytes(folded(normal(text))) in views


@pytest.mark.parametrize("unseen", ["\0", "\x7f", "\u200b", "\u2060", "\ufeff", "\u00ad", "\u180e"])
def test_what_is_not_displayed_may_stand_for_a_blank(unseen: str) -> None:
    text = f"ｄrop{unseen}table"
    assert [view.data for view in views_of(text)][1:] == [b"droptable", b"drop table"]
    assert views_of(text)[-1].span(0, len("drop table")) == (0, len(text))


@given(TEXTS)
def test_the_normal_form_is_that_of_unicode_for_what_is_displayed(text: str) -> None:
    """Save for what composes across segments, which the outer form composes here."""
    displayed = "".join(" " if normal(one) == " " else one for one in text if normal(one))
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
    ("written", "meant"),
    [
        ("%27", "'"),
        ("%2527", "'"),
        ("%25%32%37", "'"),
        ("%25252527", "%27"),
        ("%E9t%C3%A9%A0", "été "),
        ("%u0027%uD83D%uDE00", "'😀"),
        ("%F0%9F%98%80", "😀"),
        ("id%3D1+or+2", "id=1 or 2"),
        ("&#39;&#x27;&apos;&#00039", "'" * 4),
        ("&amp;lt;&Tab;", "<\t"),
        ("%26%2339%3B", "'"),
        ("&#37;27", "'"),
        ("％２７", "'"),
        ("%2\u200b7", "'"),
        (r"\u0027\x27\'\"", "'" * 3 + '"'),
        (r"a\nb\\nc\/", "a\nb\nc/"),
        (r"\ud83d\ude00", "😀"),
        ("%EF%BC%87", "'"),
        ("un%0bion", "un ion"),
        ("un%00ion", "un ion"),
        ("%D1%83nio&#1086;", "ynioo"),
    ],
)
def test_what_a_text_is_decoded_to_is_one_of_its_views(written: str, meant: str) -> None:
    assert f"<{meant}>".encode() in [view.data for view in views_of(f"<{written}>")]


@pytest.mark.parametrize(
    "text",
    [
        "100 % sure, 5%",
        "R&D & co",
        r"C:\dir\q",
        "1+1 = 2",
        "%zz %2",
        "&;&#;&#x;",
        r"\u12",
        "%2525%",
    ],
)
def test_signs_that_begin_no_escape_are_signs(text: str) -> None:
    views = [view.data.decode() for view in views_of(text)]
    assert views in ([text], [text, text.replace("%2525", "%25"), text.replace("%2525", "%")])


@pytest.mark.parametrize(
    ("text", "alike"),
    [
        ("ЅЕLЕСТ uѕеr", "SELECT user"),
        ("к ДМ т", "k ДM t"),
        ("ΑΒ‐’", "AB-'"),
        ("41І1 О000 2ОО", "4111 0000 200"),
        ("1 оr 1", "1 or 1"),
        ("٤١१๙", "4119"),
        ("漢字é😀", "漢字é😀"),
    ],
)
def test_what_looks_like_ascii_is_folded_to_it(text: str, alike: str) -> None:
    assert folded(text) == alike


@given(TEXTS)
def test_folding_keeps_the_number_of_characters(text: str) -> None:
    assert len(folded(text)) == len(text)


PLAIN = st.text(st.sampled_from("abc 12.é…１"), max_size=6)


@pytest.mark.parametrize("evasion", EVASIONS.values(), ids=EVASIONS)
@given(before=PLAIN, behind=PLAIN)
def test_the_span_of_what_is_hidden_is_exactly_what_hides_it(
    evasion: Callable[[str], str], before: str, behind: str
) -> None:
    hidden = evasion("Ab 1=1")
    text = f"{before}|{hidden}|{behind}"
    found = [
        text[slice(*view.span(*match.span()))]
        for view in views_of(text)
        if (match := re.search(rb"Ab(?:\s|/\*\*/)+1=1", view.data))
    ]
    assert found and set(found) == {hidden}


LARGE = 200_000
HOSTILE = {
    "marks": "a" + "\u0301\u0323" * LARGE,
    "zero width": "\u200b" * LARGE,
    "controls": "\0a" * LARGE,
    "ligatures": "\ufdfa" * LARGE,
    "percents": "%" * LARGE,
    "escapes": "%41a" * LARGE,
    "escapes of escapes": "%2525" * LARGE,
    "entities": "&#39;" * LARGE,
    "zeros": "&#" + "0" * LARGE,
    "ampersands": "&a" * LARGE,
    "backslashes": "\\" * LARGE,
    "units": r"\ud83d" * LARGE,
    "pluses": "%20" + "+" * LARGE,
    "look-alikes": "О" * LARGE + "1",
    "digits": "1О" * LARGE,
}


@pytest.mark.sampled(5)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_text_takes_more_than_linear_time_nor_much_memory(text: str) -> None:
    """Unicode's own normal form of the first one takes minutes."""

    def spans() -> None:
        for view in views_of(text):
            view.span(0, len(view.data))

    assert is_within(spans, 2_000_000)
    assert max(len(view.data) for view in views_of(text)) <= 2 * len(in_bytes(text))


# ── long texts ────────────────────────────────────────────────────────────────────────────────────


@given(
    st.integers(0, 3 * AROUND),
    st.integers(0, 3 * AROUND),
    st.sampled_from(["％２７", "&#39;", "О"]),
)
def test_in_a_long_text_what_is_hidden_has_its_place(before: int, behind: int, sign: str) -> None:
    text = f"{'a ' * before}<{sign}>{'b ' * behind}{'c' * MAX_WHOLE}"
    found = [
        text[slice(*place)]
        for view in views_of(text)
        if (match := re.search(b"<['O]>", view.data))
        for place in view.places([match.span()])
    ]
    assert found == [f"<{sign}>"]


def test_a_long_text_has_forms_at_the_places_that_change_alone() -> None:
    text = "a " * 50_000 + "&amp;" + "b " * 50_000
    _, part = views_of(text)
    assert b"&" in part.data and len(part.data) <= 2 * AROUND + SPACING


@given(st.integers(0, AROUND), st.integers(0, AROUND), st.integers(0, 3 * SPACING))
def test_what_stands_around_a_change_is_in_its_view(before: int, behind: int, more: int) -> None:
    text = f"<{'a' * (before - 1)}&#39;{'a' * more}\uff41{'a' * (behind - 1)}>"
    shown = f"<{'a' * (before - 1)}'{'a' * more}a{'a' * (behind - 1)}>".encode()
    long = "b" * MAX_WHOLE + text + "b" * MAX_WHOLE
    (place,) = (
        place
        for view in views_of(long)[1:]
        if (start := view.data.find(shown)) >= 0
        for place in view.places([(start, start + len(shown))])
    )
    assert long[slice(*place)] == text


@pytest.mark.parametrize("pattern", [rb"^a", rb"a ?\Z", rb"^[\w ]{9}"])
def test_the_end_of_a_part_is_none_of_the_text(pattern: bytes) -> None:
    text = "b " + "a " * 20_000 + "&amp;" + "a " * 20_000 + "b"
    _, part = views_of(text)
    match = re.search(pattern, part.data)
    assert match is not None
    assert part.places([match.span()]) == []


def test_what_reaches_from_its_core_to_the_end_of_a_part_counts() -> None:
    text = "b" * 20_000 + "&amp;" + "a" * 20_000
    _, part = views_of(text)
    match = re.search(b"&a+", part.data)
    assert match is not None
    ((start, end),) = part.places([match.span()])
    assert start == 20_000 and end >= start + AROUND


@given(st.lists(st.sampled_from(["lorem ", "ipsum, ", "ｄｏｌｏｒ ", "%41 ", "\n"]), max_size=30))
def test_no_place_of_a_long_text_is_left_out(words: list[str]) -> None:
    text = "".join(words) * 60
    seen = bytearray(len(text))
    for view in views_of(text)[1:]:
        start, end = view.span(0, len(view.data))
        seen[start:end] = bytes([1]) * (end - start)
    assert all(seen[at] for at, one in enumerate(text) if not one.isascii() or one == "%")
