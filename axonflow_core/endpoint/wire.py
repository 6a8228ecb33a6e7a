"""A dialect's HTTP as data."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import unquote
from uuid import uuid4

from axonflow_core.codec.errors import ErrorCodec
from axonflow_core.errors import CredentialsError
from axonflow_core.frozen import frozen
from axonflow_core.messages import EMPTY, Json

from .credentials import Presented, bearer_token
from .operations import Operation
from .pings import SILENCE_S
from .refusals import Refusal, Refusals, Refused, denial_of, refusal_of

MAX_BODY_BYTES = 32 * 2**20
MAX_MODEL_CHARACTERS = 2048


def _new_request_id() -> str:
    return uuid4().hex


def _unchanged(body: Json, request_id: str) -> Json:
    return body


@frozen(kw_only=True)
class Wire:
    """A dialect's HTTP: what `dialect_app` serves."""

    name: str
    operations: tuple[Operation, ...]
    """The first whose method and path fit is called."""
    errors: ErrorCodec
    """Its server role writes what a handler raises, as a status or in the stream."""
    presented: Presented = bearer_token
    """Where a caller's key stands."""
    refusals: Refusals = Refusals()
    """The words of what is refused before a handler is asked."""
    request_id_header: str = "x-request-id"
    """The header of every answer with its request id, in lower case."""
    new_request_id: Callable[[], str] = _new_request_id
    headers: Mapping[str, str] = EMPTY
    """Sent with every answer."""
    with_request_id: Callable[[Json, str], Json] = _unchanged
    """The body of an error with the request id where the dialect has it there too."""
    marks: frozenset[str] = frozenset()
    """Headers that clients of this dialect alone send, in lower case."""
    call_headers: tuple[str, ...] = ("content-type",)
    """How the names of headers begin that belong to a call; lower case."""
    call_query: tuple[str, ...] = ()
    """The members of the query that do."""
    greetings: Mapping[str, Json] = EMPTY
    """Path -> what `GET` of it tells everybody who looks whether somebody serves: without a key, as
    `HEAD` is answered too."""
    silence_s: float = SILENCE_S
    """After so many seconds in which nothing left, a stream is pinged (`Framing.ping`)."""
    max_body_bytes: int = MAX_BODY_BYTES
    max_model_characters: int = MAX_MODEL_CHARACTERS

    def refusal(self, refused: Refused) -> Refusal:
        """The exception that refuses a call as the vendor does."""
        return refusal_of(self.errors, refused)

    def denial(self, error: CredentialsError) -> Refusal:
        """The exception that refuses a client's key as the vendor does."""
        denied = self.refusals.denied
        return denial_of(self.errors, error) if denied is None else self.refusal(denied(error))

    def has_path(self, raw_path: str) -> bool:
        """Whether an operation has this path, by whatever method."""
        is_operation = any(each.pattern.fullmatch(raw_path) for each in self.operations)
        return is_operation or raw_path in self.greetings

    def greeting(self, method: str, raw_path: str) -> Json:
        """What everybody is told here; None where nothing is."""
        return self.greetings.get(raw_path) if method in ("GET", "HEAD") else None

    @property
    def roots(self) -> frozenset[str]:
        """The first segments of its paths."""
        return frozenset(map(root_of, (*(each.path for each in self.operations), *self.greetings)))

    def addressed(self, method: str, raw_path: str) -> tuple[Operation, str]:
        """The operation of a path and the model in it, or `""`. `Refusal` for a path that is none,
        and for an id that is none."""
        for operation in self.operations:
            if operation.method == method and (found := operation.pattern.fullmatch(raw_path)):
                return operation, self._model_in(operation, found)
        raise self.refusal(self.refusals.unknown_path(method, unquote(raw_path)))

    def _model_in(self, operation: Operation, found: re.Match[str]) -> str:
        if not operation.has_model_in_path:
            return ""
        return self.checked_model(unquote(found["model"]))

    def checked_model(self, model: Json) -> str:
        """`model`, the id of a call. `Refusal` for what is none."""
        if not isinstance(model, str) or not 1 <= len(model) <= self.max_model_characters:
            raise self.refusal(self.refusals.no_model())
        return model


def root_of(path: str) -> str:
    """The first segment of a path."""
    return path.split("/", 2)[1]
