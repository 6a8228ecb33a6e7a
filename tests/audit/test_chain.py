"""What is hashed: every entry has a body of its own, and a body is its entry's."""

from __future__ import annotations

import hmac
import json
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.audit.chain import START, Head, body_of, entry_of, link
from axonflow_core.audit.keys import Signer, TenantKey, is_signed_by, subject_of
from axonflow_core.audit.record import Entry, Kind
from axonflow_core.errors import AuditError
from axonflow_core.policy.rules import Verdict

from .making import KEYS, call

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
INTS = st.integers(-(2**63), 2**64 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | INTS | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
ENTRIES = st.builds(
    Entry,
    kind=st.sampled_from(Kind),
    verdict=st.sampled_from(Verdict),
    id=TEXTS,
    at_us=INTS,
    tenant=TEXTS,
    client=TEXTS,
    user=st.none() | TEXTS,
    request_type=st.none() | TEXTS,
    provider=st.none() | TEXTS,
    model=st.none() | TEXTS,
    rules=st.lists(TEXTS, max_size=3).map(tuple),
    closes=st.none() | TEXTS,
    facts=st.dictionaries(TEXTS, JSON, max_size=4),
)


@given(entry=ENTRIES)
def test_a_body_is_read_back_to_its_entry(entry: Entry) -> None:
    """So no two entries have one body."""
    read = entry_of(body_of(entry, "c", 1, {}))
    assert read == entry
    assert json.dumps(read.facts, sort_keys=True) == json.dumps(entry.facts, sort_keys=True)


@given(entry=ENTRIES, places=st.tuples(TEXTS, INTS, TEXTS, INTS))
def test_a_place_is_part_of_the_body(entry: Entry, places: tuple[str, int, str, int]) -> None:
    chain, seq, other_chain, other_seq = places
    one, other = body_of(entry, chain, seq, {}), body_of(entry, other_chain, other_seq, {})
    assert (one == other) == ((chain, seq) == (other_chain, other_seq))


def test_the_order_of_keys_does_not_matter() -> None:
    one, other = call(id="a", at_us=1, facts={"a": 1, "b": 2}), {"b": 2, "a": 1}
    assert body_of(one, "c", 1, {}) == body_of(evolve(one, facts=other), "c", 1, {})


def test_texts_are_in_no_body() -> None:
    entry = call(texts={"request": "canary"}, id="a", at_us=1)
    assert body_of(entry, "c", 1, {}) == body_of(evolve(entry, texts={}), "c", 1, {})


def test_a_link_depends_on_the_record_before() -> None:
    assert len({link(START, b"a"), link(START, b"b"), link(link(START, b"a"), b"b")}) == 3


@pytest.mark.parametrize(
    "changed",
    [
        {"chain": "d"},
        {"seq": 2},
        {"hash": b"\1" * 32},
        {"count": 2},
        {"at_us": 2},
        {"key": "k"},
        {"is_closed": True},
    ],
)
def test_a_signature_covers_every_member_of_a_head(changed: dict[str, Any]) -> None:
    signer, head = Signer(KEYS), Head("c", 1, b"\0" * 32, 1, 1, "i")
    signature = signer.sign(head.message)
    assert is_signed_by(signer.public_key, signature, head.message)
    assert not is_signed_by(signer.public_key, signature, evolve(head, **changed).message)


def test_a_key_that_is_none_has_signed_nothing() -> None:
    assert not is_signed_by(b"short", b"", b"")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"kind": "nonsense"}'])
def test_a_body_that_the_audit_did_not_write_is_refused(body: bytes) -> None:
    with pytest.raises(AuditError):
        entry_of(body)


JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJib2IiLCJleHAiOjF9"  # {"alg": "none"}, {"sub": "bob", …}


@pytest.mark.parametrize(
    ("user", "subject"),
    [
        ("bob", "bob"),
        ("bob@x.org", "bob@x.org"),
        ("a.b.c", "a.b.c"),
        (f"{JWT}.sig", "bob"),
        (f"{JWT}.", "bob"),
        ("..", ".."),
        ("eyJhbGciOiJub25lIn0.e30.s", "eyJhbGciOiJub25lIn0.e30.s"),
    ],
)
def test_the_subject_of_a_token_names_its_user(user: str, subject: str) -> None:
    assert subject_of(user) == subject


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), st.text())
def test_commitments_are_the_hmacs_that_the_standard_library_makes(
    secret: bytes, record_key: bytes, text: str
) -> None:
    made = TenantKey(secret).commitments(record_key, {"request": text})
    key = hmac.digest(secret, b"axonflow audit 1 commitments", "sha256")
    message = record_key + b"request\0" + text.encode(errors="surrogatepass")
    assert made == {"request": hmac.digest(key, message, "sha256").hex()}
