"""Golden files: what an author drops into a folder, what is checked of it, and what a file that is
none is told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from attrs import evolve
from toy import CHAT, PROMPT

from axonflow_core.codec import FamilyCodec, Feature
from axonflow_core.errors import DecodeError, EncodeError, RequestError, TruncatedStream
from axonflow_core.messages import CompletionRequest, assistant, user
from axonflow_core.testing import GoldenCase, codec_test, golden_cases
from axonflow_core.testing.breaking import hears, reads, setting
from axonflow_core.testing.claims import NO_FACTS

WHERE = {"source": "Toy's guide, Prompts", "date": "2026-11-22"}
ANSWER = "It is the light of short waves that is scattered most."
HELLO = {
    **WHERE,
    "model": "toy.prompt-1",
    "request": {"turns": [{"by": "user", "text": "Why is the sky blue?"}], "limit": 64},
    "response": {"text": ANSWER, "stop_reason": "stop", "input_tokens": 7, "output_tokens": 13},
    "stream": [{"text": ANSWER, "stop_reason": "stop", "input_tokens": 7, "output_tokens": 13}],
    "expected": {
        "text": ANSWER,
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 7, "output_tokens": 13},
    },
}


def cases_of(folder: Path, golden: object, codec: FamilyCodec = PROMPT) -> dict[str, GoldenCase]:
    (folder / "hello.json").write_bytes(orjson.dumps(golden))
    return {case.side: case for case in golden_cases(codec, folder)}


def test_every_side_of_a_file_is_a_case_that_says_where_it_is_from(tmp_path: Path) -> None:
    cases = cases_of(tmp_path, HELLO)

    assert [case.__name__ for case in cases.values()] == [
        *("toy: hello: request", "toy: hello: response", "toy: hello: stream"),
    ]
    assert {case.source for case in cases.values()} == {"Toy's guide, Prompts, 2026-11-22"}
    assert {case.facts.base_id for case in cases.values()} == {"toy.prompt-1"}
    for case in cases.values():
        case()


def test_a_call_of_a_tool_may_be_expected(tmp_path: Path) -> None:
    call = {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Ulm"}}
    answer = {"type": "message", "role": "assistant", "content": [call], "stop_reason": "tool_use"}
    expected = [{"id": "call_1", "name": "weather", "input": {"city": "Ulm"}}]
    golden = {**WHERE, "response": answer, "expected": {"tool_calls": expected}}

    cases_of(tmp_path, golden, CHAT)["response"]()

    golden["expected"] = {"tool_calls": []}
    with pytest.raises(
        AssertionError, match=r"hello: response: at tool_calls\[0\]: expected .+, got .+weather"
    ):
        cases_of(tmp_path, golden, CHAT)["response"]()


@pytest.mark.parametrize("side", ["response", "stream"])
@pytest.mark.parametrize(
    ("fact", "wrong", "place"),
    [
        ("text", "It is not.", "text"),
        ("stop_reason", "max_tokens", "stop_reason"),
        ("usage", {"input_tokens": 13, "output_tokens": 7}, "usage.input_tokens"),
        ("usage", {"input_tokens": 7}, "usage.output_tokens"),
    ],
)
def test_an_answer_that_means_something_else_is_told(
    tmp_path: Path, side: str, fact: str, wrong: object, place: str
) -> None:
    case = cases_of(tmp_path, {**HELLO, "expected": {fact: wrong}})[side]

    with pytest.raises(
        AssertionError,
        match=rf"hello: {side}: at {place}: .+ \(source: Toy's guide, .+ 2026-11-22\)",
    ):
        case()


def test_a_body_that_does_not_come_back_is_told(tmp_path: Path) -> None:
    lossy = reads(setting(extra={}))(PROMPT)
    golden = {**WHERE, "request": {**HELLO["request"], "seed": 7}}

    cases_of(tmp_path, golden)["request"]()
    with pytest.raises(
        AssertionError, match=r"\$\.seed: expected 7, got \(absent\)|got \"\(absent\)\""
    ):
        cases_of(tmp_path, golden, lossy)["request"]()


def test_a_documented_key_that_is_only_carried_along_is_told(tmp_path: Path) -> None:
    ignorant = evolve(PROMPT, documented=PROMPT.documented | {"seed"})
    golden = {**WHERE, "request": {**HELLO["request"], "seed": 7}}

    with pytest.raises(
        AssertionError,
        match=r"\$\.extra\.seed: expected .in a typed place., got .left over in extra.",
    ):
        cases_of(tmp_path, golden, ignorant)["request"]()


def test_a_long_text_that_nobody_read_is_told(tmp_path: Path) -> None:
    deaf = hears(setting(content=()))(PROMPT)
    quiet = evolve(deaf, encode_response=lambda completion, facts: HELLO["response"])

    with pytest.raises(AssertionError, match=r"text: expected .+short waves"):
        cases_of(tmp_path, {**WHERE, "response": HELLO["response"]}, quiet)["response"]()


def test_a_request_without_a_limit_comes_back_without_one(tmp_path: Path) -> None:
    body = {"messages": [{"role": "user", "content": "Hi"}]}
    assert CHAT.default_max_tokens is not None

    cases_of(tmp_path, {**WHERE, "request": body}, CHAT)["request"]()


def test_a_body_of_another_family_and_half_a_stream_are_errors_of_their_own(tmp_path: Path) -> None:
    with pytest.raises(DecodeError):
        cases_of(tmp_path, {**WHERE, "response": {"generation": "Hi"}})["response"]()
    with pytest.raises(TruncatedStream):
        cases_of(tmp_path, {**WHERE, "stream": [{"text": "Hi"}]})["stream"]()


@pytest.mark.parametrize(
    ("golden", "fault"),
    [
        ({"date": "2026-11-22", "request": {}}, "it does not say its `source`"),
        ({"source": " ", "date": "2026-11-22", "request": {}}, "it does not say its `source`"),
        ({"source": "Toy's guide", "request": {}}, "it does not say its `date`"),
        (
            {**WHERE, "date": "last week", "request": {}},
            "its `date` 'last week' is not written as 2026-11-25",
        ),
        (WHERE, "it holds no side of a call"),
        ({**WHERE, "respone": {}, "request": {}}, "it has an unknown key `respone`"),
        ({**WHERE, "request": {}, "expected": {"txt": "Hi"}}, "it expects an unknown fact `txt`"),
        ([WHERE], "it is no object"),
    ],
)
def test_a_file_that_says_too_little_is_an_error_that_says_what(
    tmp_path: Path, golden: Mapping[str, Any], fault: str
) -> None:
    with pytest.raises(RequestError) as caught:
        cases_of(tmp_path, golden)

    assert caught.value.message == f"{tmp_path / 'hello.json'} is no golden file: {fault}"
    assert '"source"' in (caught.value.hint or "")


def test_a_file_that_is_not_json_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "hello.json").write_text("{")

    with pytest.raises(RequestError, match=r"hello\.json is not JSON"):
        golden_cases(PROMPT, tmp_path)


def test_a_folder_without_files_is_an_error_and_not_a_test_that_passes(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="holds no golden files"):
        golden_cases(PROMPT, tmp_path)


def test_a_test_file_stands_for_the_folder_beside_it(tmp_path: Path) -> None:
    (tmp_path / "golden").mkdir()
    (tmp_path / "golden" / "hello.json").write_bytes(orjson.dumps(HELLO))
    (tmp_path / "test_it.py").touch()

    assert len(golden_cases(PROMPT, str(tmp_path / "test_it.py"))) == 3


def test_the_whole_test_of_a_codec_is_its_laws_and_its_files(tmp_path: Path) -> None:
    cases_of(tmp_path, HELLO)

    (mark,) = codec_test(PROMPT, tmp_path).pytestmark  # type: ignore[attr-defined]

    names = [check.__name__ for check in mark.args[1]]
    assert names[0] == "toy: a request survives"
    assert names[-1] == "toy: hello: stream"


# ── a family without conversations ────────────────────────────────────────────────────────────────


def single_turn() -> FamilyCodec:
    kept = PROMPT.features - {Feature.PREFILL, Feature.ANY_ROLE_ORDER}
    return evolve(PROMPT, features=kept, joins=frozenset(), control_tokens=(), is_single_turn=True)


def test_a_family_of_one_message_refuses_a_conversation_by_name_and_keeps_every_law() -> None:
    codec = single_turn()

    with pytest.raises(EncodeError) as refusal:
        codec.encode_request(
            CompletionRequest((user("Hi"), assistant("Ho"), user("So?"))), NO_FACTS
        )

    assert refusal.value.feature == "conversation"
    assert codec.encode_request(CompletionRequest((user("Hi"),)), NO_FACTS) == {
        "turns": [{"by": "user", "text": "Hi"}]
    }
