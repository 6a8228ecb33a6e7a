"""A made-up vendor emulated by what all emulators share: models, answers, scripts, faults, log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

import pytest
from toy_wire import KEY, VENDOR, WIRE, Client, asked

from axonflow_core.config.faults import FaultyConfig
from axonflow_core.emulator.building import build_emulator
from axonflow_core.emulator.faults import FaultKind
from axonflow_core.emulator.quotas import DAY_S, MINUTE_S, Quota, Quotas
from axonflow_core.emulator.script import Account, Rule, Script, ScriptedError
from axonflow_core.emulator.serving import RunningEmulator, serving
from axonflow_core.endpoint.refusals import VendorError
from axonflow_core.errors import ConfigError
from axonflow_core.frozen import evolve
from axonflow_core.messages import CompletionRequest
from axonflow_core.plugin_spec import Emulator, ModelDescription

RULES = [
    {"when": "weather", "answer": "It rains."},
    {"when": "once", "answer": "The first.", "times": 1},
    {"when": "count", "answer": "Many.", "usage": {"output_tokens": 400}},
    {"when": "cut short", "answer": "A", "stop_reason": "max_tokens"},
    {"when": "filtered", "answer": "A", "stop_reason": "content_filtered"},
    {
        "when": "busy",
        "error": {"code": "rate_limit_exceeded", "message": "Wait.", "retry_after_s": 3},
    },
    {"when": "teapot", "error": {"code": "teapot", "status": 418, "message": "I am one."}},
    {"when": "breaks", "error": {"status": 500, "message": "It broke.", "after_chunks": 2}},
    *(
        {"when": f"fault {kind.value}$", "fault": kind.value, "pause_s": 0.001}
        for kind in FaultKind
    ),
]


def emulator(script: Any = None, **more: Any) -> Emulator:
    vendor = evolve(
        VENDOR,
        environment={"TOY_ENDPOINT": "{url}", "TOY_API_KEY": KEY},
        chat_models=("toy-1",),
        refused_model="toy-0",
        keys={KEY: "emulator"},
    )
    return build_emulator(WIRE, vendor, script, **more)


@pytest.fixture(scope="module")
def running() -> Iterator[RunningEmulator]:
    with serving(emulator(RULES)) as running:
        yield running


@pytest.fixture
def client(running: RunningEmulator) -> Client:
    running.calls.clear()
    return Client(running.base_url)


# ── answers ───────────────────────────────────────────────────────────────────────────────────────


def test_a_model_answers_without_a_script(client: Client) -> None:
    answer = client.post("/ask", asked("Why is the sky blue?")).json

    said = "Here speaks an emulated model of the toy family. You said: Why is the sky blue?"
    assert answer["text"] == said
    assert (answer["stop_reason"], answer["input_tokens"]) == ("stop", 5)


def test_the_same_call_has_the_same_answer_and_the_same_id(client: Client) -> None:
    body = {"model": "toy-1", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}

    first, again = client.post("/chat", body), client.post("/chat", body)
    other = client.post("/chat", {**body, "max_tokens": 8})

    assert first.data == again.data
    assert first.json["id"].startswith("a-")
    assert first.json["id"] != other.json["id"]


@pytest.mark.parametrize("path", ["/ask", "/lines", "/models/toy-1:askStream"])
def test_a_stream_has_the_text_of_the_whole_answer(client: Client, path: str) -> None:
    whole = client.post("/ask", asked("weather")).json
    reply = client.post(path, asked("weather", stream=True))

    chunks = reply.lines if path == "/lines" else [chunk for _, chunk in reply.events]
    assert "".join(chunk["text"] for chunk in chunks) == whole["text"] == "It rains."
    assert chunks[-1]["output_tokens"] == whole["output_tokens"]


def test_vectors_of_texts_that_share_words_are_near(client: Client) -> None:
    body = {"model": "toy-vectors", "inputs": ["a blue sky", "a blue sea", "rust"], "size": 32}

    answer = client.post("/vectors", body).json

    sky, sea, rust = answer["vectors"]
    near, far = (sum(map(float.__mul__, sky, other)) for other in (sea, rust))
    assert (len(sky), answer["input_tokens"]) == (32, 7)
    assert near > far


def test_tokens_are_words(client: Client) -> None:
    assert client.post("/acme/counts", asked("one two three")).json == {"n": 3}


def test_models_are_listed_and_told_one_by_one(client: Client) -> None:
    assert client.get("/models").json == {"models": ["toy-1", "toy-small", "toy-vectors"]}
    assert client.get("/models/toy-one").json == {"id": "toy-1"}
    assert client.get("/models/toy-9").error == (404, "There is no toy-9.")


def test_a_service_tells_what_is_its_own(client: Client) -> None:
    assert client.get("/version").json == {"version": "1.2.3"}


# ── what is refused ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("model", ["toy-0", "toy-old", ""])
def test_a_model_that_there_is_not_is_refused_in_the_vendors_words(
    client: Client, model: str
) -> None:
    reply = client.post("/ask", asked("Hi", model or "x"))

    assert reply.error == (404, f"There is no {model or 'x'}.")
    assert reply.json["error"]["code"] == "model_not_found"
    assert "axonflow" not in reply.json["error"]


@pytest.mark.parametrize("model", ["toy-1", "toy-one", "models/toy-1"])
def test_a_model_has_every_id_that_it_is_known_by(client: Client, model: str) -> None:
    assert client.post("/ask", asked("weather", model)).status == 200


def test_a_model_answers_its_own_operations_alone(client: Client) -> None:
    said = client.post("/ask", asked("Hi", "toy-vectors"))
    embedded = client.post("/vectors", {"model": "toy-1", "inputs": ["a"]})

    assert said.error == (400, "The model 'toy-vectors' does not support ask.")
    assert embedded.error == (400, "The model 'toy-1' does not support vectors.")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            asked("one two three four five six", "toy-small"),
            "The prompt has 6 tokens, and the model takes 5.",
        ),
        (
            asked("one", "toy-small", limit=11),
            "The model writes at most 10 tokens, and 11 are asked for.",
        ),
    ],
)
def test_limits_of_a_model_are_kept(client: Client, body: Any, message: str) -> None:
    assert client.post("/ask", body).error == (400, message)
    assert client.post("/ask", {**body, "model": "toy-1"}).status == 200


def test_vectors_have_the_lengths_of_their_model(client: Client) -> None:
    body = {"model": "toy-vectors", "inputs": ["a"], "size": 5}

    assert client.post("/vectors", body).error == (
        400,
        "The model has no vectors of 5 dimensions.",
    )


def test_a_vendor_refuses_what_is_its_own_to_refuse() -> None:
    def check(conversation: Any, model: ModelDescription) -> VendorError | None:
        is_hot = (conversation.request.inference.temperature or 0) > 1
        return VendorError(status=422, message=f"{model.id} melts.") if is_hot else None

    vendor = evolve(VENDOR, checks=(check,))
    with serving(build_emulator(WIRE, vendor)) as running:
        client = Client(running.base_url)
        assert client.post("/ask", asked("Hi", heat=1.5)).error == (422, "toy-1 melts.")
        assert client.post("/ask", asked("Hi", heat=0.5)).status == 200


def test_only_the_key_of_the_emulator_is_accepted(client: Client) -> None:
    assert client.post("/ask", asked("Hi"), x_api_key="sk-of-an-account").status == 401


# ── scripts ───────────────────────────────────────────────────────────────────────────────────────


def test_a_rule_answers_so_many_times(client: Client) -> None:
    first, second = (client.post("/ask", asked("once")).json["text"] for _ in range(2))

    assert (first, second == first) == ("The first.", False)


def test_a_rule_says_counts_and_why_the_answer_ends(client: Client) -> None:
    assert client.post("/ask", asked("count")).json["output_tokens"] == 400
    assert client.post("/ask", asked("cut short")).json["stop_reason"] == "length"


def test_a_reason_without_a_name_is_the_nearest_that_has_one(client: Client) -> None:
    assert client.post("/ask", asked("filtered")).json["stop_reason"] == "stop"


def test_a_rule_answers_with_an_error_of_the_vendor(client: Client) -> None:
    busy, teapot = (client.post("/ask", asked(text)) for text in ("busy", "teapot"))

    assert (busy.error, busy.headers["retry-after"]) == ((429, "Wait."), "3")
    assert (teapot.error, teapot.json["error"]["code"]) == ((418, "I am one."), "teapot")


def test_a_stream_breaks_after_so_many_chunks_and_a_whole_answer_at_once(client: Client) -> None:
    streamed = client.post("/lines", asked("breaks"))
    whole = client.post("/ask", asked("breaks"))

    assert (streamed.status, len(streamed.lines)) == (200, 3)
    assert streamed.lines[-1]["error"]["message"] == "It broke."
    assert whole.error == (500, "It broke.")


def test_a_script_may_be_a_function(tmp_path: Path) -> None:
    def decide(request: CompletionRequest) -> Any:
        text = request.messages[-1].text
        return 7 if text == "odd" else {"answer": text.upper()} if text != "pass" else None

    with serving(emulator(decide)) as running:
        client = Client(running.base_url)
        assert client.post("/ask", asked("loud")).json["text"] == "LOUD"
        assert client.post("/ask", asked("pass")).json["text"].startswith("Here speaks")
        status, message = client.post("/ask", asked("odd")).error

    assert status == 400
    assert "it returned int" in message


def test_a_script_is_a_file_whose_faults_have_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "script.yaml"
    file.write_text("rules:\n  - when: a\n    error: {code: unheard_of}\n    tims: 1\n")

    with pytest.raises(FaultyConfig, match="tims"):
        emulator(file)

    file.write_text("rules:\n  - when: a\n    error: {code: unheard_of}\n")
    with pytest.raises(FaultyConfig, match="unheard_of is no error of toy") as raised:
        emulator(file)
    assert (raised.value.faults[0].line, raised.value.faults[0].column) == (3, 5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: ScriptedError(message="no name"), "`code`, a `type` or a `status`"),
        (lambda: Rule(error=ScriptedError(status=500), answer="A"), "no `answer`"),
        (lambda: Rule(at_byte=3), "`at_byte` needs a `fault`"),
        (lambda: Rule(when="("), "not a regular expression"),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(
    wrong: Callable[[], object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        wrong()


def test_quotas_of_the_account_throttle() -> None:
    with serving(emulator({"account": {"requests_per_minute": 1}})) as running:
        client = Client(running.base_url)
        assert client.post("/ask", asked("Hi")).status == 200
        assert client.post("/ask", asked("Hi")).error == (
            429,
            "The limit of requests per minute was reached.",
        )


def test_a_quota_is_free_again_after_its_window() -> None:
    now = 0.0
    exceeded: list[Quota] = []

    def refusal(quota: Quota) -> Exception:
        exceeded.append(quota)
        return RuntimeError

    quotas = Quotas(Account(tokens_per_minute=10, tokens_per_day=25), refusal, lambda: now)
    for moment in (0.0, MINUTE_S, 2 * MINUTE_S, DAY_S + MINUTE_S):
        now = moment
        for _ in range(2):
            try:
                quotas.spend("toy-1", asked=9, used=9)
            except RuntimeError:
                continue
    assert exceeded == [
        *[Quota.TOKENS_PER_MINUTE, Quota.TOKENS_PER_MINUTE],
        *[Quota.TOKENS_PER_DAY, Quota.TOKENS_PER_DAY, Quota.TOKENS_PER_MINUTE],
    ]


# ── on the wire ───────────────────────────────────────────────────────────────────────────────────


def test_an_answer_is_damaged_on_its_way(client: Client) -> None:
    whole = client.post("/lines", asked("weather")).data
    cut = client.post("/lines", asked("fault truncate"))
    html = client.post("/lines", asked("fault content-type"))
    error = client.post("/lines", asked("fault json"))

    assert len(cut.data) > 0 and not cut.data.endswith(b"\n") and len(whole) > 0
    assert html.headers["content-type"].startswith("text/html")
    assert error.json["error"]["message"] == "The server had an error processing the request."
    assert client.post("/lines", asked("fault empty")).data == b""


def test_a_bit_is_flipped_so_that_the_body_is_no_text(client: Client) -> None:
    with pytest.raises(UnicodeDecodeError):
        client.post("/ask", asked("fault corrupt")).data.decode()


@pytest.mark.parametrize("path", ["/ask", "/lines"])
def test_a_stream_has_a_frame_too_long_and_a_whole_answer_a_body_too_long(
    client: Client, path: str
) -> None:
    data = client.post(path, asked("fault huge", stream=True)).data

    assert len(data) > 2 * 2**20
    assert data.count(b"huge") == 2


def test_a_connection_is_reset_within_the_body(client: Client) -> None:
    with pytest.raises((IncompleteRead, ConnectionError)):
        client.post("/ask", asked("fault reset"))


def test_a_body_comes_byte_by_byte(client: Client) -> None:
    assert client.post("/ask", asked("fault drip")).status == 200


def test_a_stalled_answer_is_open_until_its_client_leaves(client: Client) -> None:
    with client.open("/ask", asked("fault stall")) as response:
        assert response.read(3) == b'{"t'


# ── the log, and what is built ────────────────────────────────────────────────────────────────────


def test_calls_are_logged_with_their_status_and_rule(
    client: Client, running: RunningEmulator
) -> None:
    client.post("/ask", asked("weather"))
    client.post("/models/toy-0:ask", {"turns": []})
    client.post("/nowhere", {})
    client.get("/models")

    assert [str(call) for call in running.calls] == [
        "ask toy-1 200",
        "askModel toy-0 404",
        "/nowhere  404",
    ]
    assert running.calls[0].rule.when == "weather"
    assert running.calls[0].json == asked("weather")
    assert running.calls[1].rule is None


def test_a_running_emulator_says_how_it_is_reached(running: RunningEmulator) -> None:
    assert running.environment == {"TOY_ENDPOINT": running.base_url, "TOY_API_KEY": KEY}
    assert (running.models, running.refused_model) == (("toy-1",), "toy-0")


@pytest.mark.parametrize("option", ["record", "replay", "upstream"])
def test_an_emulator_without_cassettes_says_so(option: str) -> None:
    with pytest.raises(ConfigError, match=f"the emulator of toy has no `{option}`"):
        emulator(**{option: "x"})


def test_a_script_that_was_read_is_taken_as_it_is() -> None:
    with serving(emulator(Script(rules=(Rule(answer="Yes."),)))) as running:
        assert Client(running.base_url).post("/ask", asked("Hi")).json["text"] == "Yes."
