"""The guide's table of situations: each row is shown by tests, which exist."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "python.md").read_text("utf-8")

SHOWN_BY: Mapping[str, Sequence[str]] = {
    "many threads call one `BlockingRuntime`": (
        "test_many_threads_get_the_answers_to_their_own_questions",
        "test_many_threads_use_one_runtime_at_once",
    ),
    "more calls at once than the pool has connections": (
        "test_threads_that_find_the_pool_full_wait_their_turn",
        "test_a_full_pool_says_so_within_the_limit",
        "test_whoever_waits_longest_is_next",
        "test_a_full_pool_says_so_when_the_time_to_answer_is_over",
    ),
    "a call inside the loop over a stream of the same runtime": (
        "test_a_call_inside_a_stream_of_the_same_runtime_is_answered",
    ),
    "a blocking call on a running event loop": (
        "test_a_blocking_call_on_an_event_loop_is_refused_with_a_way_out",
        "test_a_blocking_call_from_a_coroutine_is_refused",
    ),
    "a blocking call in a thread of an async program": (
        "test_a_runtime_that_needs_no_loop_runs_in_a_thread_of_an_async_program",
    ),
    "an async runtime on a second event loop": ("test_another_event_loop_is_refused_with_a_hint",),
    "Ctrl-C during a call or a read, at whatever moment": (
        "test_an_interrupt_at_any_moment_leaves_no_place_taken",
        "test_an_interrupted_wait_ends_at_once_and_cancels_the_call",
        "test_an_interrupt_cancels_the_read_and_the_call_upstream",
        "test_ctrl_c_ends_a_program_in_the_middle_of_a_stream",
        "test_ctrl_c_while_an_answer_is_parsed_is_ctrl_c",
        "test_ctrl_c_in_a_callback_that_refuses_is_ctrl_c",
    ),
    "Ctrl-C during a pause between attempts, or while credentials are found": (
        "test_an_interrupted_pause_before_another_attempt_ends_at_once",
        "test_an_interrupted_search_for_credentials_ends_at_once_and_serves_the_next_call",
    ),
    "a task is cancelled, or `asyncio.timeout` ends it": (
        "test_a_fault_has_the_end_that_it_must_have",
        "test_a_call_may_be_cancelled_at_every_await",
        "test_a_stream_may_be_cancelled_at_every_await",
        "test_a_task_may_read_on_where_another_was_cancelled",
    ),
    "two tasks or threads read one stream at once": (
        "test_a_second_task_that_reads_a_stream_is_refused_and_the_first_goes_on",
        "test_a_second_thread_that_reads_a_stream_is_refused_and_the_first_goes_on",
    ),
    "the loop over a stream is left, or the stream is garbage-collected": (
        "test_leaving_the_loop_cancels_the_call_upstream",
        "test_a_stream_that_is_left_closes_its_connection_and_frees_its_place",
        "test_an_abandoned_stream_does_not_leak_its_connection",
    ),
    "the runtime is closed while calls wait": (
        "test_closing_from_another_thread_ends_calls_that_wait",
        "test_closing_ends_calls_that_wait_in_every_state",
        "test_closing_the_transport_breaks_open_streams_off",
    ),
    "a call after the runtime was closed": (
        "test_a_closed_runtime_says_so",
        "test_a_closed_transport_says_so",
    ),
    "a runtime that nobody holds any more": (
        "test_a_runtime_that_nobody_holds_closes_its_connections",
        "test_a_stream_keeps_its_runtime",
    ),
    "a fork, before or after the first call, or while other threads call": (
        "test_a_forked_process_calls_over_connections_of_its_own",
        "test_a_fork_while_other_threads_call_works",
        "test_closing_in_the_child_leaves_a_call_of_another_thread_its_answer",
    ),
    "a fork with an open stream": (
        "test_a_stream_of_the_parent_is_refused_in_the_child_and_goes_on_in_the_parent",
        "test_closing_in_the_child_leaves_the_parent_its_connections",
    ),
    "a fork of an async runtime": ("test_an_async_runtime_serves_one_loop_that_of_a_child_too",),
    "a fork with a provider that needs an event loop": (
        "test_a_loop_in_the_background_is_a_clear_error_in_a_child",
    ),
    "the program ends without closing, in a stream, or while a thread waits": (
        "test_a_program_that_ends_is_not_held_up",
        "test_a_program_that_forgets_to_close_ends_cleanly",
    ),
}
"""Situation, as the guide has it -> the tests that show what the guide says of it."""


def situations(page: str) -> list[str]:
    """The first column of the guide's table."""
    _, _, rest = page.partition("| situation | what happens |\n|---|---|\n")
    table, _, _ = rest.partition("\n\n")
    return [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()]


@cache
def names_of_tests() -> frozenset[str]:
    """The names of all tests of the project, whatever marks they have."""
    files = [*ROOT.glob("tests/**/test_*.py"), *ROOT.glob("plugins/*/tests/**/test_*.py")]
    sources = [path.read_text("utf-8") for path in files]
    names = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)
    return frozenset(name for source in sources for name in names.findall(source))


def test_every_situation_of_the_guide_is_shown_and_no_other() -> None:
    assert situations(PAGE) == list(SHOWN_BY)


@pytest.mark.parametrize("situation", SHOWN_BY)
def test_the_tests_that_show_a_situation_exist(situation: str) -> None:
    missing = set(SHOWN_BY[situation]) - names_of_tests()
    assert not missing
