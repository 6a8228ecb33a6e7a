"""`axonflow audit replay`: what a server decided and sent is decided and encoded again, offline."""

from __future__ import annotations

import base64
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from attrs import frozen
from governed_server import governed_server

from axonflow_bedrock.serving import RunningEmulator
from axonflow_core.cli import main
from axonflow_core.server.wire.handshake import HEADER

pytestmark = pytest.mark.thorough

CONFIG = """
version: "1.0"
llm_providers: {bedrock: {enabled: true, config: {region: us-east-1}}}
server: {clients: {shop: {tenant: acme, roles: [call, gateway]}, ops: {roles: [admin]}}}
policies:
  actions: {email: redact}
  redaction: reversible
  rules:
    - {name: aurora, text: aurora, action: block}
    - {name: wire, text: wire, action: log, on: [request]}
audit: {url: "sqlite:///audit.db", texts: redacted}
"""
LOGGED = "{name: wire, text: wire, action: log, on: [request]}"
STRICTER = """{name: wire, text: wire, action: redact, on: [request]}
    - {name: sky, text: weather, action: warn}"""
MODEL = "us.anthropic.claude-sonnet-4-6"
QUERIES = {
    "plain": "How is the weather? wire me",
    "email": "Write to ann@example.com and to bob@example.com",
    "blocked": "What of project aurora?",
}
PATHS = {"messages": "/v1/messages", "completions": "/v1/chat/completions"}
Replay = Callable[..., tuple[int, dict[str, Any]]]


@frozen
class Recorded:
    """What a server left, and the ids of its records by the names of the queries."""

    folder: Path
    ids: Mapping[str, str]

    def body(self, name: str, **changed: Any) -> Path:
        """A file with the body of that request."""
        asked = {"query": QUERIES[name], "user_token": "ann", "context": {"model": MODEL}}
        path = self.folder / "body.json"
        path.write_text(json.dumps({**asked, **changed}))
        return path


def in_dialect(text: str, **more: Any) -> dict[str, Any]:
    """The body of a call, as two vendors' clients send it."""
    return {
        "model": MODEL,
        "max_tokens": 50,
        "messages": [{"role": "user", "content": text}],
        **more,
    }


def newest_call(folder: Path) -> str:
    """The id of the last call on record."""
    query = "SELECT id FROM records WHERE kind = 'call' ORDER BY row DESC LIMIT 1"
    with closing(sqlite3.connect(folder / "audit.db")) as connection:
        ((id,),) = connection.execute(query).fetchall()
    return str(id)


ERRAND = in_dialect(QUERIES["plain"], mcp_servers=[{"type": "url", "url": "https://mcp.example"}])


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, bedrock_emulator_of_session: RunningEmulator
) -> Recorded:
    """What a server left that answered and was given a stricter configuration afterwards."""
    folder = tmp_path_factory.mktemp("served")
    ids = {}
    environment = bedrock_emulator_of_session.environment
    with governed_server(folder, CONFIG, environment) as server:
        for name, query in QUERIES.items():
            body = {"query": query, "user_token": "ann", "context": {"model": MODEL}}
            asked = server.ask("POST", "/api/request", body, client="shop")
            ids[name] = asked.json["metadata"]["audit_id"]
        for name, path in PATHS.items():
            for query in ("plain", "email"):
                body = in_dialect(QUERIES[query])
                assert server.ask("POST", path, body, client="shop").status == 200
                ids[f"{name} {query}"] = newest_call(folder)
        asked = server.ask("POST", PATHS["messages"], ERRAND, client="shop")
        assert asked.status == 400
        ids["errand"] = newest_call(folder)
        check = {"query": QUERIES["email"], "user_token": "ann", "client_id": "shop"}
        checked = server.ask("POST", "/api/policy/pre-check", check, client="shop")
        ids["check"] = checked.json["decision_id"]
        file = folder / "axonflow.yaml"
        file.write_text(file.read_text().replace(LOGGED, STRICTER))
        assert server.ask("POST", "/api/v1/reload", client="ops").status == 200
    return Recorded(folder, ids)


@pytest.fixture
def recorded(served: Recorded, tmp_path: Path) -> Iterator[Recorded]:
    """A copy of it."""
    folder = tmp_path / "copy"
    shutil.copytree(served.folder, folder)
    yield Recorded(folder, served.ids)


@pytest.fixture
def replay(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Replay:
    """Runs the command in the folder, without the emulator: its provider cannot be reached."""
    monkeypatch.chdir(recorded.folder)
    monkeypatch.setenv("AXONFLOW_KEYS_DIR", "keys")
    for name in [name for name in os.environ if name.startswith(("BEDROCK_", "AWS_"))]:
        monkeypatch.delenv(name)

    def run(name: str, *arguments: str | Path) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        given = ["audit", "replay", recorded.ids.get(name, name), *map(str, arguments), "--json"]
        code = main(given)
        said = json.loads(capsys.readouterr().out)
        return code, said

    return run


def states(said: Mapping[str, Any]) -> dict[str, str]:
    return {part["name"]: part["state"] for part in said["parts"]}


def detail(said: Mapping[str, Any], name: str) -> str:
    return next(str(part["detail"]) for part in said["parts"] if part["name"] == name)


@pytest.mark.parametrize("name", ["plain", "email"])
def test_a_request_is_decided_again_and_its_bytes_are_those_that_were_sent(
    recorded: Recorded, replay: Replay, name: str
) -> None:
    code, said = replay(name, "--request", recorded.body(name))
    assert (code, set(states(said).values()), said["complete"]) == (0, {"same"}, True)
    assert said["under"] == "generation 1, as it was then"
    assert "bytes of anthropic" in detail(said, "body")


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"query": "How is the weather? wire it"}, {"texts", "body"}),
        ({"query": "Write to cat@example.com"}, {"decision on the request", "texts", "body"}),
        ({"context": {"model": MODEL, "max_tokens": 7}}, {"body"}),
        ({"user_token": "bob"}, {"user"}),
    ],
)
def test_what_differs_from_what_was_asked_is_named(
    recorded: Recorded, replay: Replay, change: Mapping[str, Any], differs: set[str]
) -> None:
    code, said = replay("plain", "--request", recorded.body("plain", **change))
    assert code == 1
    assert {name for name, state in states(said).items() if state == "differs"} == differs


def test_a_masked_text_that_was_another_one_is_told_by_nothing_but_what_was_sent_in_clear(
    recorded: Recorded, replay: Replay
) -> None:
    """What the commitments to masked texts, and to a body with placeholders, cannot prove."""
    other = recorded.body("email", query="Write to cat@example.com and to dog@example.com")
    assert replay("email", "--request", other)[0] == 0


def test_another_configuration_decides_otherwise_and_says_so(
    recorded: Recorded, replay: Replay
) -> None:
    code, said = replay("plain", "--request", recorded.body("plain"), "--present")
    assert (code, said["under"]) == (1, "the configuration as it is now")
    assert states(said)["policy"] == "not replayed"
    told = detail(said, "decision on the request")
    assert "verdict allowed then, redacted now" in told
    assert "wire log in messages.0 then, wire redact in messages.0, sky warn in messages.0" in told
    assert states(said)["body"] == "differs"


def test_a_call_that_was_stopped_sent_nothing(recorded: Recorded, replay: Replay) -> None:
    code, said = replay("blocked", "--request", recorded.body("blocked"))
    assert (code, states(said)["decision on the request"]) == (0, "same")
    assert states(said)["body"] == "not replayed"
    assert replay("blocked", "--request", recorded.body("plain"))[0] == 1


def test_a_request_for_an_errand_is_stopped_again(recorded: Recorded, replay: Replay) -> None:
    body = recorded.folder / "native.json"
    given = ("--request", body, "--path", PATHS["messages"])
    body.write_bytes(orjson.dumps(ERRAND))
    code, said = replay("errand", *given)
    assert (code, states(said)["decision on the request"]) == (0, "same"), said
    assert states(said)["policy"] == "same"
    assert detail(said, "decision on the request").startswith("blocked: errand-server")
    body.write_bytes(orjson.dumps(in_dialect(QUERIES["plain"])))
    code, said = replay("errand", *given)
    assert (code, states(said)["decision on the request"]) == (1, "differs")


def test_a_check_is_decided_again(recorded: Recorded, replay: Replay) -> None:
    code, said = replay("check", "--request", recorded.body("email"))
    assert (code, said["complete"], states(said)["texts"]) == (0, True, "same")
    assert detail(said, "decision on the request").startswith("redacted: email redact in query")


@pytest.mark.parametrize("query", ["plain", "email"])
@pytest.mark.parametrize("dialect", PATHS)
def test_a_call_in_a_vendors_dialect_is_decided_and_encoded_again(
    recorded: Recorded, replay: Replay, dialect: str, query: str
) -> None:
    name, body = f"{dialect} {query}", recorded.folder / "native.json"
    body.write_bytes(orjson.dumps(in_dialect(QUERIES[query])))  # as it was sent
    given = ("--request", body, "--path", PATHS[dialect])
    code, said = replay(name, *given)
    assert (code, said["complete"]) == (0, True), said
    decided = {"plain": "allowed: wire log", "email": "redacted: email redact"}
    assert detail(said, "decision on the request").startswith(decided[query])
    assert "bytes of anthropic" in detail(said, "body")
    body.write_bytes(orjson.dumps(in_dialect(QUERIES[query], temperature=0.5)))
    code, said = replay(name, *given)
    assert (code, states(said)["body"], states(said)["texts"]) == (1, "differs", "same")
    assert replay(name, *given[:2])[0] == 2  # whose dialect it is, its path tells
    assert replay(name, "--request", body, "--path", "/none")[0] == 2


def test_a_client_that_cannot_redact_is_denied_again(recorded: Recorded, replay: Replay) -> None:
    declared = {"profile_version": 1, "capabilities": []}
    header = base64.urlsafe_b64encode(json.dumps(declared).encode()).decode().rstrip("=")
    given = ("--request", recorded.body("email"), "--header", f"{HEADER}: {header}")
    code, said = replay("check", *given)
    assert (code, states(said)["decision on the request"]) == (1, "differs")
    assert "verdict redacted then, blocked now" in detail(said, "decision on the request")
    assert replay("check", "--header", "a: b")[0] == 2
    assert replay("check", "--request", recorded.body("email"), "--header", "a")[0] == 2


def test_kept_texts_are_looked_at_again(recorded: Recorded, replay: Replay) -> None:
    code, said = replay("email")
    found = states(said)
    assert (code, found["kept texts"], found["decision on the answer"]) == (0, "same", "same")
    assert (found["decision on the request"], found["body"]) == ("not replayed", "not replayed")
    assert "email redact in messages.0; nothing else" in detail(said, "decision on the request")
    code, said = replay("plain", "--present")
    assert (code, states(said)["decision on the request"]) == (1, "differs")
    assert "sky warn in messages.0" in detail(said, "decision on the request")


def test_a_kept_text_of_another_record_does_not_open(recorded: Recorded, replay: Replay) -> None:
    _changed(
        recorded,
        "UPDATE texts SET sealed = (SELECT sealed FROM texts WHERE record != ?1"
        " LIMIT 1) WHERE record = ?1",
        recorded.ids["plain"],
    )
    code, said = replay("plain")
    assert (code, said["error"]["code"]) == (1, "audit")


def test_without_kept_texts_it_says_what_cannot_be_replayed(
    recorded: Recorded, replay: Replay
) -> None:
    """As a server with `texts: none` writes them."""
    _changed(recorded, "DELETE FROM texts")
    code, said = replay("plain")
    assert (code, said["complete"], states(said)["record"]) == (0, False, "same")
    assert "`audit.texts` is `none`" in detail(said, "kept texts")
    code, said = replay("plain", "--request", recorded.body("plain"))
    assert (code, states(said)["texts"], states(said)["body"]) == (0, "same", "same")


def test_of_an_erased_record_the_decision_is_left(recorded: Recorded, replay: Replay) -> None:
    assert main(["audit", "erase", recorded.ids["plain"]]) == 0
    code, said = replay("plain", "--request", recorded.body("plain"))
    found = states(said)
    assert (code, found["decision on the request"]) == (0, "same")
    assert (found["texts"], found["body"]) == ("not replayed", "not replayed")
    other = recorded.body("plain", query="How is the weather? wire it")
    assert replay("plain", "--request", other)[0] == 0  # nothing tells the two apart any more


def test_a_record_that_was_changed_is_told_first(recorded: Recorded, replay: Replay) -> None:
    _changed(recorded, "UPDATE records SET cost_usd = 9 WHERE id = ?", recorded.ids["plain"])
    code, said = replay("plain")
    assert (code, said["parts"][0]["name"], said["parts"][0]["state"]) == (1, "record", "differs")


@pytest.mark.parametrize(("name", "code"), [("none-of-ours", 2), ("configuration", 2)])
def test_what_cannot_be_replayed_at_all_is_a_usage_error(
    recorded: Recorded, replay: Replay, name: str, code: int
) -> None:
    if name == "configuration":
        query = "SELECT id FROM records WHERE kind = 'configuration'"
        ((name,), *_) = _changed(recorded, query)
    assert replay(name)[0] == code


def test_nobodys_words_are_shown(
    recorded: Recorded, replay: Replay, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["audit", "replay", recorded.ids["email"], "--request", str(recorded.body("plain"))])
    said = capsys.readouterr()
    assert "differs" in said.out
    assert not [word for word in ("ann@", "weather", "Write") if word in said.out + said.err]


def _changed(recorded: Recorded, statement: str, *values: str) -> list[Any]:
    with closing(sqlite3.connect(recorded.folder / "audit.db")) as connection, connection:
        return connection.execute(statement, values).fetchall()
