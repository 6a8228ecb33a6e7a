"""`axonflow plan` while the server is started again under it."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from axonflow_core.cli import plan
from axonflow_core.cli.plan_server import CannotAnswer, NobodyAnswers, PlanServer, _read
from axonflow_core.errors import AxonFlowError, ConfigError, RequestError


class Scripted(PlanServer):
    """A server that answers with states of a plan in turn, the last one for ever; an error is
    raised."""

    def __init__(self, *answers: str | BaseException) -> None:
        super().__init__("http://127.0.0.1:9", "acme", "secret")
        self._answers = list(answers)

    def plan(self, id: str) -> Any:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return {"plan_id": id, "status": answer, "steps": [], "awaits_approval_of": "plan"}


def failing(error: BaseException) -> Callable[[], Any]:
    def fail() -> Any:
        raise error

    return fail


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(plan, "_LOOK_S", 0.01)
    monkeypatch.setattr(plan, "_GONE_S", 0.2)
    yield


GONE = NobodyAnswers("no server answers")
BUSY = CannotAnswer("the server answered 503")


@pytest.mark.parametrize("lost", [GONE, BUSY])
@pytest.mark.parametrize("away", [GONE, BUSY])
@pytest.mark.parametrize(("end", "code"), [("completed", 0), ("failed", 1), ("cancelled", 1)])
def test_a_plan_is_watched_to_its_end_though_the_server_was_gone(
    lost: Exception, away: Exception, end: str, code: int
) -> None:
    server = Scripted(
        "pending", "pending", "executing", away, away, "executing", away, "executing", end
    )

    def begin() -> None:
        while server._answers[0] == "pending":
            time.sleep(0.001)
        raise lost

    assert plan._watch(server, "plan_1", begin, is_json=True) == code


def test_a_server_that_stays_away_is_given_up_and_the_plans_id_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(NobodyAnswers):
        plan._watch(Scripted("executing", GONE), "plan_1", failing(GONE), is_json=True)
    assert "axonflow plan status plan_1" in capsys.readouterr().err


def test_whoever_stops_watching_is_told_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    server = Scripted("pending", "executing", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        plan._watch(server, "plan_1", lambda: time.sleep(0.1), is_json=True)
    assert "axonflow plan status plan_1" in capsys.readouterr().err


@pytest.mark.parametrize("away", [GONE, BUSY])
def test_nothing_is_begun_where_there_is_no_server(
    away: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    begun: list[str] = []
    with pytest.raises(type(away)):
        plan._watch(Scripted(away, "executing"), "plan_1", lambda: begun.append("x"), is_json=True)
    assert (begun, capsys.readouterr().err) == ([], "")


@pytest.mark.parametrize(
    ("error", "state"), [(RequestError("it was executed already"), "completed"), (GONE, "pending")]
)
def test_a_plan_that_was_not_begun_is_no_plan_to_watch(error: Exception, state: str) -> None:
    with pytest.raises(type(error)):
        plan._watch(Scripted(state), "plan_1", failing(error), is_json=True)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        *((status, b"<html>", CannotAnswer) for status in (502, 503, 504)),
        (503, b'{"error": "the audit cannot be written"}', CannotAnswer),
        (500, b'{"error": "internal error"}', AxonFlowError),
        *((200, body, ConfigError) for body in (b"<html>", b"[]", b'"yes"', b"")),
        *((404, body, ConfigError) for body in (b"<html>", b"[1]", b"null")),
        (404, b'{"error": "there is no plan"}', RequestError),
    ],
)
def test_what_another_server_or_a_proxy_answers_is_said(
    status: int, body: bytes, kind: type[Exception]
) -> None:
    with pytest.raises(kind) as raised:
        _read(status, body)
    assert type(raised.value) is kind


def test_the_end_of_a_plan_is_the_commands_output(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr("sys.stdout", written)
    assert plan._watch(Scripted("completed"), "plan_1", lambda: None, is_json=True) == 0
    assert json.loads(written.getvalue())["status"] == "completed"
