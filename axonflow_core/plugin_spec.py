"""What a provider plugin says of itself, and what the core lends it.

A plugin describes itself with a `ProviderSpec`; the core reads the YAML into the spec's
`config_type`, calls `create` and owns what comes back, so that a plugin cannot half-start.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from attrs import field

from axonflow_core.converters import regular_expression
from axonflow_core.errors import AxonFlowError, ConfigError
from axonflow_core.frozen import frozen
from axonflow_core.messages import EMPTY, Json
from axonflow_core.provider import Provider

if TYPE_CHECKING:
    from axonflow_core.codec.registry import Claim, CodecRegistry
    from axonflow_core.endpoint.ingress import Ingress
    from axonflow_core.http.asgi import AsgiApp
    from axonflow_core.http.client import HttpClient
    from axonflow_core.recordings.recording_format import RecordingFormat


def _names_only(values: Mapping[str, Any]) -> str:
    return str(sorted(values))


@frozen(kw_only=True)
class Services:
    """What the core lends a provider."""

    name: str
    """The provider's key in the YAML, which errors call it by."""
    client: HttpClient
    """The HTTP client, which is not the provider's to close."""
    codecs: CodecRegistry
    """The codecs that are installed for this kind of provider."""
    credentials: Mapping[str, str] = field(default=EMPTY, repr=_names_only)
    """The `credentials:` of the YAML, references to the environment resolved."""
    extras: Mapping[str, Any] = field(default=EMPTY, repr=_names_only)
    """Ready objects handed to `Runtime.open` for this provider, e.g. `{"boto3_session": …}`. Never
    read from YAML."""

    def credential(self, name: str) -> str:
        """One of `credentials`. `ConfigError` names it where it is missing or empty."""
        value = self.credentials.get(name)
        if not value:
            raise ConfigError(
                f"the provider {self.name} needs the credential {name!r}",
                hint=f"write `credentials: {{{name}: ${{…}}}}` next to the provider's `config:`",
            )
        return value


MAX_KEPT_CALLS = 1_000


@frozen(kw_only=True)
class EmulatedCall:
    """A call that an emulator answered."""

    operation: str
    """As the provider names it: `converse`."""
    model: str
    """The id that was called."""
    body: bytes = field(repr=False)
    """What was sent, byte for byte."""
    status: int | None
    """The HTTP status of the answer; None where the client left before it."""
    rule: Any = None
    """The rule of the script that decided; None where the model answered."""

    @property
    def json(self) -> Any:
        """The body, parsed. `ValueError` where it is no JSON."""
        return json.loads(self.body)

    def __str__(self) -> str:
        """One line for a log. It has nothing of the body."""
        return f"{self.operation} {self.model} {self.status or 'left'}"


class CallLog:
    """The last calls of an emulator, up to `MAX_KEPT_CALLS` of them; `listeners` hear of each as it
    is answered."""

    def __init__(self) -> None:
        self.calls: deque[EmulatedCall] = deque(maxlen=MAX_KEPT_CALLS)
        self.listeners: list[Callable[[EmulatedCall], None]] = []

    def __call__(self, call: EmulatedCall) -> None:
        """Keep `call`."""
        self.calls.append(call)
        for listener in self.listeners:
            listener(call)


@frozen(kw_only=True)
class Emulator:
    """A stand-in for the provider's service that needs no account and no network."""

    app: AsgiApp
    environment: Callable[[str], Mapping[str, str]]
    """Base URL of the served app -> the environment that points the provider's own clients, and us,
    at it."""
    models: tuple[str, ...]
    """The id of a chat model for each family it answers for; `axonflow demo` talks to them."""
    refused_model: str
    """A model id that it refuses as the real service would, to show how an error reads."""
    log: CallLog = field(factory=CallLog, eq=False)
    """What it was asked."""


class BuildEmulator(Protocol):
    """How a plugin builds its emulator."""

    def __call__(
        self,
        script: Path | None = None,
        *,
        record: Path | None = None,
        replay: Path | None = None,
        upstream: str | None = None,
    ) -> Emulator:
        """`script` is a file that says how the emulator is to behave, in the plugin's own terms.

        `record` is a file that exchanges are added to, in the shape that `recordings` opens;
        `replay` is one that answers; `upstream` is the URL of the real service, that answers.
        `ConfigError`.
        """
        ...


@frozen(kw_only=True)
class ErrorEntry:
    """One way in which calls fail, as a page of documentation tells it."""

    code: str
    """The `code` of the error that is raised; empty where the call succeeds and disappoints."""
    cause: str
    fix: str
    """As in the error itself; a word in capitals stands for a value of the call."""
    native_codes: tuple[str, ...] = ()
    """The provider's own names for it."""
    statuses: str = ""
    """HTTP statuses, where they tell this entry from others: `"500, 503"`."""
    example: str = ""
    """The provider's own words."""
    pattern: str = field(default="", converter=regular_expression)
    """An expression that the provider's words have, whatever the case, where only they tell this
    entry from others."""
    is_retryable: bool = False
    issue: str = ""
    """Set for the few that most people meet, in the words of who meets them; such entries come
    first."""


@frozen(kw_only=True)
class Setting:
    """A key of a provider's first `config:`, as `axonflow init` writes it."""

    key: str
    value: str
    """In YAML."""
    comment: str
    is_active: bool = True
    """Whether it is a setting; otherwise it is written as a comment, to be made one."""


def lazily(place: str) -> Callable[..., Any]:
    """The function at `package.module:name`, whose module is imported when it is called: so a spec
    names what is heavy and imports nothing. `name` may be an attribute's: `MODELS.catalogue`. A
    value there that is no function is what calling it without arguments gives."""
    module, _, name = place.partition(":")

    def call(*given: Any, **named: Any) -> Any:
        found = attrgetter(name)(import_module(module))
        return found(*given, **named) if callable(found) else found

    return call


FirstSettings: TypeAlias = Callable[[Mapping[str, str]], Coroutine[Any, Any, Sequence[Setting]]]


class Life(StrEnum):
    """Where a model is in its life, today."""

    ACTIVE = "active"
    LEGACY = "legacy"
    """Its end is announced, or it is closed to new callers."""
    ENDED = "ended"


@frozen(kw_only=True)
class ModelDescription:
    """A model that a provider serves, as a person who chooses one sees it. None is unknown."""

    id: str
    """As it is called, where no profile is needed."""
    vendor: str
    family: str | None
    """The codec of its own JSON; None where none is installed."""
    kind: str
    """`chat`, `embedding`, `rerank`; `other` where it is none of them, or not known."""
    surfaces: tuple[str, ...]
    """The operations that carry its calls."""
    profiles: tuple[str, ...] = ()
    """Other ids that it is called by: inference profiles, deployments."""
    needs_profile: bool = False
    """Whether `id` itself is refused."""
    context_tokens: int | None = None
    output_tokens: int | None = None
    input_price: float | None = None
    """USD per 1,000,000 tokens, as `output_price`: of the first of `ids`."""
    output_price: float | None = None
    life: Life = Life.ACTIVE
    legacy_from: date | None = None
    ends_on: date | None = None
    successor: str | None = None
    """The id to call instead of a model that has ended, or will."""
    dimensions: tuple[int, ...] = ()
    """Of an embedding model: the lengths that its vectors may have, the default first; empty where
    they are not known."""
    is_shortened: bool = False
    """Whether its vectors may have any length up to the default."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id that it is called by, the one to write first."""
        return (*self.profiles, self.id) if self.needs_profile else (self.id, *self.profiles)


@frozen(kw_only=True)
class ModelCatalogue:
    """The models that a provider knows."""

    models: tuple[ModelDescription, ...]
    as_of: date | None = None
    """The day for which limits and prices are known; `life` is today's."""


def find_fix(entries: Iterable[ErrorEntry], error: AxonFlowError) -> str | None:
    """The `fix` of the entry that fits `error` best, to be its hint; None where none fits.

    An entry fits that has the error's code and, where it says so, its words and its native code or
    status. Words go before the native code, that before an entry of no native code, and the first
    of several before the others. MODEL in it is the model of the call.
    """
    fitting = [(fitness, entry) for entry in entries if (fitness := _fitness(entry, error))]
    if not fitting:
        return None
    fix = max(fitting, key=lambda fit: fit[0])[1].fix
    return fix if error.model is None else re.sub(r"\bMODEL\b", lambda _: str(error.model), fix)


def _fitness(entry: ErrorEntry, error: AxonFlowError) -> int:
    """How well an entry fits; 0: not at all."""
    words = getattr(error, "native_message", None) or ""
    has_words = bool(entry.pattern and re.search(entry.pattern, words, re.IGNORECASE))
    is_named = getattr(error, "native_code", None) in entry.native_codes
    statuses = entry.statuses.split(", ") if entry.statuses else []
    has_status = not statuses or str(getattr(error, "status", None)) in statuses
    if entry.code != error.code or (entry.pattern and not has_words):
        return 0
    if not (is_named or has_status or has_words):
        return 0
    return 8 * has_words + 4 * is_named + 2 * (not entry.native_codes) + has_status


@frozen(kw_only=True)
class ProviderSpec:
    """A plugin's description of its provider."""

    name: str
    display_name: str
    config_type: type[Any]
    """An attrs class; its attributes are the keys of `config:`, its types convert, its docstrings
    explain."""
    create: Callable[[Any, Services], Provider]
    """Builds the provider from a `config_type` instance. Does no I/O; opens nothing before the
    first call."""
    needs_event_loop: bool = True
    """Whether its coroutines wait for an event loop. False: they wait only through
    `Services.client` and `axonflow_core.waiting`, and several threads may run them at once. Then a
    `BlockingRuntime` runs them in the caller's thread; else on an event loop in the background.
    A `ChatProvider` needs none, and `provider_test` holds a provider to what is declared."""
    credentials: tuple[str, ...] = ()
    """The names that the provider reads from `credentials:`; any other is refused."""
    credentials_elsewhere: str = ""
    """What to set instead, of a provider that reads none: the hint of that refusal."""
    credentials_from_environment: Callable[[Mapping[str, str]], Mapping[str, str]] = (
        lambda environment: EMPTY
    )
    """The credentials that the environment has (`OPENAI_API_KEY`): for those that `credentials:`
    leaves out."""
    extras: Mapping[str, Callable[[Any], Any]] = EMPTY
    """The ready objects that it reads from `Services.extras`: name -> a converter, which returns
    the object or raises `frozen.Unfit`. Any other name is refused."""
    config_from_environment: Callable[[Mapping[str, str]], Mapping[str, Json] | None] = (
        lambda environment: None
    )
    """The `config:` that the environment alone asks for (`BEDROCK_REGION`), or None: this provider
    is not wanted."""
    enabling_variables: tuple[str, ...] = ()
    """The variables without which `config_from_environment` is None: named where one is missing."""
    variables: Mapping[str, str] = EMPTY
    """Key of `config:` -> the variable that its value comes from, where that is not the provider's
    name and the key (`BEDROCK_MODEL`): `GOOGLE_MODEL` of gemini. A variable that begins with
    another word is an entry point in `axonflow.variables` too: `GOOGLE_API_KEY = "gemini"`."""
    defaults_from_environment: Callable[[Mapping[str, str]], Mapping[str, Json]] = (
        lambda environment: EMPTY
    )
    """The keys of `config:` that the environment has values for (`BEDROCK_MODEL`): the defaults of
    a configuration in code."""
    codec_claims: Callable[[], Mapping[str, Sequence[Claim]]] = lambda: EMPTY
    """What the codecs of the plugin's own distribution claim, by the module of their entry point.
    Each of these modules is imported when a model first asks for it, any other at start-up."""
    emulator: BuildEmulator | None = None
    ingress: Callable[[CodecRegistry], Ingress] | None = None
    """How a server lets in clients that speak the provider's own wire. The codecs are those that
    are installed for it."""
    recordings: Callable[[CodecRegistry], RecordingFormat] | None = None
    """How recorded traffic of this provider is opened, for `axonflow codecs check`."""
    first_settings: FirstSettings | None = None
    """The `config:` to begin with, from the environment and what is found on this machine, for
    `axonflow init`: settings that work, a model that lives. May read files; raises nothing where
    something is not found."""
    models: Callable[[CodecRegistry], ModelCatalogue] | None = None
    """The models that it serves, for `axonflow models` and wherever an id is wrong. `family` is of
    the codecs that are handed in; nothing is asked of the service."""
    error_catalogue: Callable[[], Sequence[ErrorEntry]] | None = None
    """Every failure that the provider tells apart, for `axonflow explain error` and the page made
    from it."""
