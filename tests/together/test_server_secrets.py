"""A server with secrets all around it: in its environment, its keys and its file, in what clients
send by every route, rightly and wrongly, and in what the model and its service say.

None of them comes up where somebody else reads: in the log, with AXONFLOW_DEBUG=1; in an answer
that refuses; in the metrics; in the listings; in the bytes of the audit's database. Each is found
where it was planted, so the search works.
"""

from __future__ import annotations

import gc
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import pytest
from attrs import field, frozen
from governed_server import GovernedServer, Reply, governed_server

from axonflow_bedrock.emulator import MODELS, SECRET_KEY, emulator
from axonflow_core.config.faults import Place
from axonflow_core.config.nodes import section_of
from axonflow_core.config.values import (
    AuditConfig,
    ClientConfig,
    Config,
    PoliciesConfig,
    ProviderConfig,
    Role,
    ServerConfig,
)
from axonflow_core.governance.calls import Governance
from axonflow_core.http.local_server import Server
from axonflow_core.keys import throwaway_keys
from axonflow_core.messages import Completion, CompletionRequest, StopReason, Text
from axonflow_core.policy.rules import Action, Rule
from axonflow_core.provider import Provider
from axonflow_core.routing.router import Router
from axonflow_core.server.api import ROUTES
from axonflow_core.server.app import App
from axonflow_core.server.auth import client_secret
from axonflow_core.server.limits import Limits
from axonflow_core.server.service import Service
from axonflow_core.server.state import ServerState

NAMES = (
    # the environment and the file
    "AWS_SESSION_TOKEN",
    "variable that the YAML names",
    "key in the YAML",
    # what clients send
    "user token",
    "user in a pre-check",
    "prompt",
    "prompt that is blocked",
    "prompt that a service quotes",
    "prompt that is malformed",
    "prompt of a wrong type",
    "system prompt",
    "query of a pre-check",
    "summary of an answer",
    "metadata of a report",
    "argument of a tool",
    "result of a tool",
    "error of a tool",
    "query of decide",
    "query of AuthZEN",
    "property of AuthZEN",
    "statement of a check",
    "pattern of a test",
    "query string",
    "wrong secret of a client",
    "wrong bearer token",
    "wrong API key",
    "cookie",
    "header of a proxy",
    "password in a target",
    # what the model says
    "answer",
    "answer that is blocked",
)
PLANTED_SECRETS: Mapping[str, str] = {
    name: f"Plant{sha256(f'server {name}'.encode()).hexdigest()[:24]}" for name in NAMES
}
PEOPLE: Mapping[str, str] = {
    "social security number in a prompt": "536-22-8726",
    "e-mail in a prompt": "plant.in.prompt@example.com",
    "card in a prompt": "4012 8888 8888 1881",
    "social security number in an answer": "219-09-9999",
    "e-mail of a JWT": "plant.in.token@example.com",
}


def secret(name: str) -> str:
    return PLANTED_SECRETS[name]


def jwt(subject: str) -> str:
    parts = ({"alg": "HS256"}, {"sub": subject})
    head, claims = (urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts)
    return f"{head}.{claims}.{secret('user token')}"


CONFIG = f"""\
version: "1.0"
llm_providers:
  bedrock: {{enabled: true, config: {{region: us-east-1, model: "{MODELS[0]}"}}}}
  echo:
    credentials: {{one: "${{PLANTED}}", two: {secret("key in the YAML")}}}
server:
  clients:
    acme: {{tenant: acme, roles: [call, gateway, audit, plans]}}
    narrow: {{tenant: acme, roles: []}}
    other: {{tenant: other, roles: [call, gateway, audit]}}
policies:
  actions: {{pii: redact}}
  rules:
    - {{name: no-plants, text: forbidden, action: block}}
audit: {{url: "sqlite:///%(folder)s/audit.db", texts: TEXTS}}
"""
QUOTED = (
    "Malformed input request: #/messages/0: string "
    f"[{secret('prompt that a service quotes')}] is not allowed"
)
SCRIPT: list[dict[str, Any]] = [
    {"when": "quote me", "error": {"code": "ValidationException", "message": QUOTED}},
    {"when": "say it", "answer": f"It is {secret('answer that is blocked')}, and forbidden."},
    {"when": "leak", "answer": f"The number is {PEOPLE['social security number in an answer']}."},
    {"answer": f"The answer is {secret('answer')}."},
]


@frozen
class Sent:
    """A request, and what it is answered."""

    status: int
    method: str
    target: str
    body: Any = None
    client: str | None = "acme"
    headers: Mapping[str, str] = field(factory=dict)


def asks(query: str, **more: Any) -> dict[str, Any]:
    return {"query": query, "user_token": secret("user token"), "request_type": "chat", **more}


def requests(server: GovernedServer) -> Iterator[Sent]:
    """By every route, rightly and wrongly."""
    proxy, people = "/api/request", ", ".join(list(PEOPLE.values())[:3])
    prompt = asks(secret("prompt"), context={"system_prompt": secret("system prompt")})
    yield Sent(200, "POST", proxy, prompt, headers={"Cookie": f"session={secret('cookie')}"})
    yield Sent(200, "POST", proxy, {**asks(people), "user_token": jwt(PEOPLE["e-mail of a JWT"])})
    yield Sent(200, "POST", proxy, asks("leak"))
    yield Sent(403, "POST", proxy, asks(f"forbidden {secret('prompt that is blocked')}"))
    yield Sent(403, "POST", proxy, asks("say it"))
    yield Sent(200, "POST", proxy, asks(f"quote me {secret('prompt that a service quotes')}"))
    yield Sent(400, "POST", proxy, f'{{"query": "{secret("prompt that is malformed")}"'.encode())
    yield Sent(400, "POST", proxy, asks("", context=[secret("prompt of a wrong type")]))
    yield Sent(400, "POST", proxy, {"query": [secret("prompt of a wrong type")]})
    for name, headers in {
        "wrong secret of a client": {
            "Authorization": server.basic("acme", secret("wrong secret of a client"))
        },
        "wrong bearer token": {"Authorization": f"Bearer {secret('wrong bearer token')}"},
        "wrong API key": {"X-Api-Key": secret("wrong API key")},
    }.items():
        yield Sent(401, "POST", proxy, asks(name), None, headers)
    yield Sent(403, "POST", proxy, prompt, "narrow")
    checked = {"query": secret("query of a pre-check"), "user_token": secret("user in a pre-check")}
    yield Sent(200, "POST", "/api/policy/pre-check", checked)
    report = {
        "context_id": "none",
        "provider": "bedrock",
        "model": "m",
        "response_summary": secret("summary of an answer"),
        "metadata": {"note": secret("metadata of a report")},
    }
    yield Sent(400, "POST", "/api/audit/llm-call", report)
    approved = server.ask("POST", "/api/policy/pre-check", checked, client="acme").json
    yield Sent(200, "POST", "/api/audit/llm-call", {**report, "context_id": approved["context_id"]})
    tool = {
        "tool_name": "weather",
        "input": {"city": secret("argument of a tool")},
        "output": {"rain": secret("result of a tool")},
        "error_message": secret("error of a tool"),
    }
    yield Sent(200, "POST", "/api/v1/audit/tool-call", tool)
    decide = {"stage": "llm", "query": secret("query of decide"), "target": {"type": "llm"}}
    yield Sent(200, "POST", "/api/v1/decide", decide)
    evaluation: dict[str, Any] = {
        "subject": {"type": "user", "id": "somebody"},
        "action": {"name": "llm.completion"},
        "resource": {"type": "llm", "id": "m"},
        "context": {"args": {"query": secret("query of AuthZEN")}},
    }
    yield Sent(200, "POST", "/api/v1/access/evaluation", {"evaluation": evaluation})
    subject = {**evaluation["subject"], "properties": {"key": secret("property of AuthZEN")}}
    unweighed = {"evaluation": {**evaluation, "subject": subject}}
    yield Sent(422, "POST", "/api/v1/access/evaluation", unweighed)
    statement = {"connector_type": "sql", "statement": secret("statement of a check")}
    yield Sent(200, "POST", "/api/v1/mcp/check-input", statement)
    tested = {"pattern": f"({secret('pattern of a test')}", "inputs": ["x"]}
    yield Sent(200, "POST", "/api/v1/static-policies/test", tested)
    through = {"X-Forwarded-Authorization": f"Bearer {secret('header of a proxy')}"}
    yield Sent(404, "GET", f"/v1/chat?api_key={secret('query string')}", headers=through)
    yield Sent(405, "PUT", f"/api/request?password={secret('password in a target')}")


LISTINGS: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/health", None),
    ("GET", "/health/ready", None),
    ("GET", "/metrics", None),
    ("GET", "/api/v1/llm-providers", None),
    ("GET", "/api/v1/static-policies", None),
    ("GET", "/api/v1/audit/tenant/acme", None),
    ("GET", "/api/v1/decisions", None),
    ("POST", "/api/v1/audit/search", {}),
)
"""What others of the tenant may read."""


@pytest.fixture
def texts() -> str:
    """What the audit keeps of texts."""
    return "none"


@pytest.fixture
def session_token() -> str:
    """With one, every call of a model is refused by the emulator."""
    return ""


@pytest.fixture
def server(texts: str, session_token: str, tmp_path: Path) -> Iterator[GovernedServer]:
    with Server(emulator(script=SCRIPT).app) as bedrock:
        environment = {
            **emulator().environment(bedrock.base_url),
            "AWS_SESSION_TOKEN": session_token,
            "PLANTED": secret("variable that the YAML names"),
            "AXONFLOW_DEBUG": "1",
            "AWS_MAX_ATTEMPTS": "1",
        }
        config = CONFIG.replace("TEXTS", texts)
        with governed_server(tmp_path / "server", config, environment) as server:
            yield server


def all_secrets(server: GovernedServer) -> dict[str, bytes]:
    """Name -> bytes, of everything that is planted."""
    keys = {path.name: path.read_text().strip() for path in (server.folder / "keys").iterdir()}
    derived = {f"secret of {client}": server.secret(client) for client in ("acme", "other")}
    known = {"AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    texts = {**PLANTED_SECRETS, **PEOPLE, **derived, **keys, **known}
    return {name: text.encode() for name, text in texts.items()}


def found_in(data: bytes, secrets: Mapping[str, bytes]) -> list[str]:
    """The names of what is there, plainly or in base64."""
    return [name for name, value in secrets.items() if any(form in data for form in forms(value))]


def forms(value: bytes) -> Iterator[bytes]:
    """A value as it is, and the inside of its base64 at each of the three ways to be aligned."""
    yield value
    for before, spoilt in ((0, 0), (1, 2), (2, 3)):
        yield b64encode(bytes(before) + value)[spoilt:-4]


def is_refusal(reply: Reply) -> bool:
    return reply.status >= 400 or b'"success":false' in reply.body


WAYS = (
    pytest.param("none", "", id="no texts"),
    pytest.param("redacted", "", id="redacted texts", marks=pytest.mark.thorough),
    pytest.param(
        "none", secret("AWS_SESSION_TOKEN"), id="calls that fail", marks=pytest.mark.thorough
    ),
)


@pytest.mark.parametrize(("texts", "session_token"), WAYS)
def test_no_planted_secret_comes_up(server: GovernedServer, session_token: str) -> None:
    secrets = all_secrets(server)
    assert len(secrets) >= 25
    planted = places_of(server)
    shown: dict[str, list[str]] = {}
    for sent in requests(server):
        reply = server.ask(
            sent.method, sent.target, sent.body, client=sent.client, headers=sent.headers
        )
        is_failed = bool(session_token) and sent.target == "/api/request" and reply.status == 200
        assert reply.status == sent.status or is_failed, (sent.target, reply.body)
        planted += repr((sent, server.basic(sent.client or "other"))).encode()
        where = f"{sent.method} {sent.target[:30]} -> {reply.status}"
        shown[f"headers of {where}"] = found_in(repr(reply.headers).encode(), secrets)
        if is_refusal(reply):
            shown[where] = found_in(reply.body, secrets)
    for method, target, body in LISTINGS:
        reply = server.ask(method, target, body, client="acme")
        assert reply.status == 200, (target, reply.body)
        shown[target] = found_in(reply.body, secrets)
    shown["the log"] = found_in(server.log, secrets)
    files = [path for path in server.folder.glob("audit.db*") if path.is_file()]
    shown |= {path.name: found_in(path.read_bytes(), secrets) for path in files}
    assert len(files) >= 2
    assert {where: names for where, names in shown.items() if names} == {}
    unused = [] if session_token else ["AWS_SESSION_TOKEN"]
    assert [name for name in secrets if name not in found_in(planted, secrets)] == unused
    assert b'"level":"WARNING"' in server.log  # the model's end of life


def places_of(server: GovernedServer) -> bytes:
    """What the server was given: its environment, its file, its keys, and what the models say."""
    files = [*(server.folder / "keys").iterdir(), server.folder / "axonflow.yaml"]
    environment = Path(f"/proc/{server.pid}/environ").read_bytes()
    return b"".join([environment, repr(SCRIPT).encode(), *(each.read_bytes() for each in files)])


class Looks:
    """A provider that looks at every value of ours that lives while it is called."""

    default_model = "m"

    def __init__(self) -> None:
        self.seen: dict[str, list[str]] = {}

    async def complete(self, request: CompletionRequest, **_: Any) -> Completion:
        for value in gc.get_objects():
            kind = type(value)
            if kind.__module__.startswith("axonflow_"):
                self.seen.setdefault(f"{kind.__module__}.{kind.__name__}", []).append(repr(value))
        return Completion((Text(secret("answer")),), StopReason.END_TURN)

    async def aclose(self) -> None:
        """There is nothing to close."""


@pytest.fixture
def no_other_values() -> None:
    """What lives already, of other tests, is not looked at, and stays out of the sight of the
    garbage collector: among it is what was frozen when the tests were collected."""
    gc.collect()
    gc.freeze()


@pytest.mark.usefixtures("no_other_values")
async def test_no_value_of_the_server_shows_a_secret_in_its_repr(tmp_path: Path) -> None:
    keys, provider = throwaway_keys(), Looks()
    service = await Service.open(config_of(tmp_path), keys, ServerState(Limits()))
    policies = service.generation.governance.policies
    service.generation.governance = Governance(
        policies, Router({"looks": cast(Provider, provider)}), service.audit
    )
    own = client_secret(keys.server[0], "acme", 1)
    prompt = asks(secret("prompt"), context={"system_prompt": secret("system prompt")})
    status = await ask(App(service, ROUTES), own, prompt)
    await service.aclose()
    assert status == 200
    shown = {kind: " ".join(values).encode() for kind, values in provider.seen.items()}
    secrets = {name: value.encode() for name, value in PLANTED_SECRETS.items()}
    secrets |= {"own secret": own.encode(), "server": keys.server[0], "master": keys.master}
    assert {kind: found for kind, text in shown.items() if (found := found_in(text, secrets))} == {}
    names = {kind.rpartition(".")[2] for kind in shown}
    assert {"ClientRequest", "ProxyRequest", "GovernedCall", "CompletionRequest", "Config"} <= names
    assert len(names) >= 40


def config_of(folder: Path) -> Config:
    credentials = section_of({"api_key": secret("key in the YAML")}, Place("<test>"))
    echo = ProviderConfig("echo", is_enabled=True, credentials=credentials)
    acme = ClientConfig("acme", tenant="acme", roles=tuple(Role))
    return Config(
        providers={"echo": echo},
        server=ServerConfig(clients={"acme": acme}),
        policies=PoliciesConfig(rules=(Rule(name="no", text="forbidden", action=Action.BLOCK),)),
        audit=AuditConfig(url=f"sqlite:///{folder}/audit.db"),
    )


async def ask(app: App, own: str, body: object) -> int:
    """The status of a proxy call."""
    data = json.dumps(body).encode()
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": data, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        statuses.append(message.get("status", 0))

    headers = [(b"x-api-key", own.encode()), (b"cookie", secret("cookie").encode())]
    path = {"path": "/api/request", "raw_path": b"/api/request", "query_string": b""}
    await app({"type": "http", "method": "POST", **path, "headers": headers}, receive, send)
    return statuses[0]
