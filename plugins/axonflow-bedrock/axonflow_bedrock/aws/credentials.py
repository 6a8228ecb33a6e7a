"""Who we are and where we call, as AWS's own settings have it: botocore decides, and never on the
event loop.

    region      the provider's config, else the session that was passed in, else AWS_REGION,
                AWS_DEFAULT_REGION, the profile
    endpoint    what a botocore client of that region calls: environment variables, shared config,
                FIPS, dual stack, partition
    identity    AWS_BEARER_TOKEN_BEDROCK, else the credentials of botocore's chain, which refresh
                themselves

botocore blocks: on files, on STS, for seconds on an instance metadata service that is not there. So
it is asked in a worker thread, at most once a second, and one answer serves all who wait. While the
identity in hand is valid nobody waits at all, and a refresh that fails costs nobody a call.

`AwsSettings` is the side of the event loop, `_Botocore` that of the worker threads.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

from attrs import frozen

from axonflow_core.calls.retries import Retries
from axonflow_core.errors import (
    AxonFlowError,
    ConfigError,
    CredentialsError,
    CredentialsExpired,
    CredentialsMissing,
)
from axonflow_core.http.client import Network

from .network import network_of
from .retries import retries_of_client
from .signing import BearerToken, Identity, Signer

if TYPE_CHECKING:
    from botocore.session import Session

T = TypeVar("T")

ASK_EVERY_S = 1.0
"""How old botocore's answer may be. Asking costs 8 µs where credentials refresh themselves
(measured 2026-11)."""
RENEW_EVERY_S = 10.0
"""Calls that failed together come for new credentials one after another; within this time they get
the first's."""

_log = logging.getLogger(__name__)


@frozen
class Place:
    region: str
    endpoint_url: str
    """Without a slash at its end."""
    region_source: str = "AWS's settings"
    network: Network = Network()
    retries: Retries = Retries()
    unheeded: tuple[str, ...] = ()
    """What the client config sets and only botocore's own HTTP client could do."""


class AwsSettings:
    """The AWS settings of one provider, for one event loop."""

    def __init__(
        self,
        *,
        region: str | None = None,
        session: Any = None,
        endpoint_url: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`session` is a ready `boto3.Session` or botocore session; without one, AWS's defaults are
        read."""
        self._botocore = _Botocore(region, session, endpoint_url)
        self._clock = clock
        self._lock = threading.Lock()
        self._place: Place | None = None
        self._identity: Identity | None = None
        self._ask_again_at = 0.0
        self._renew_again_at = 0.0
        self._was_renewed = False
        self._locating = _SingleFlight(self._locate)
        self._asking = _SingleFlight(self._ask)
        self._renewing = _SingleFlight(self._renew)

    async def place(self) -> Place:
        """Where to call and how to get there. `ConfigError` when the settings name no region, or no
        sane one."""
        return self._place or await self._locating.landed()

    async def signer(self) -> Identity:
        """The identity to sign with now. `CredentialsMissing`, `CredentialsExpired` or another
        `CredentialsError`."""
        if self._identity is None:
            return await self._asking.landed()
        if self._clock() >= self._ask_again_at:
            self._asking.start()
            if not self._botocore.is_live():
                return await self._asking.landed()
        return self._identity

    async def identity_source(self) -> str:
        """Where the credentials came from, with the end of their public part. Errors as
        `signer`."""
        await self.signer()
        return await asyncio.to_thread(self._botocore.source)

    def login(self) -> str | None:
        """The command that renews the credentials in use, where a person has to log in for them."""
        return self._botocore.login()

    async def refresh(self) -> bool:
        """Fetch credentials anew, for AWS takes the present ones no more. Whether there are others
        now."""
        if self._clock() < self._renew_again_at:
            return self._was_renewed
        return await self._renewing.landed()

    # In worker threads, one at a time:

    def _locate(self) -> Place:
        with self._lock:
            self._place = self._botocore.place()
        return self._place

    def _ask(self) -> Identity:
        with self._lock:
            return self._keep(self._found())

    def _found(self) -> Identity:
        try:
            return self._botocore.identity()
        except CredentialsError as error:
            if self._identity is None or not self._botocore.is_live():
                raise
            _log.warning(
                "new AWS credentials could not be had, the present ones stay in use: %s", error
            )
            return self._identity

    def _keep(self, found: Identity) -> Identity:
        """`found`, or its equal that is here already and has worked out the signing key of the
        day."""
        kept = self._identity if self._identity == found else None
        self._identity = kept or found
        self._ask_again_at = self._clock() + ASK_EVERY_S
        return self._identity

    def _renew(self) -> bool:
        with self._lock:
            before, self._identity = self._identity, None
            self._botocore.renew()
            self._was_renewed = self._keep(self._botocore.identity()) != before
            self._renew_again_at = self._clock() + RENEW_EVERY_S
            return self._was_renewed


class _SingleFlight(Generic[T]):
    """A blocking function in a worker thread, once at a time: whoever asks meanwhile waits for the
    same run."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._task: asyncio.Task[T] | None = None

    def start(self) -> asyncio.Task[T]:
        if self._task is None:
            self._task = asyncio.create_task(asyncio.to_thread(self._function))
            self._task.add_done_callback(self._forget)
        return self._task

    async def landed(self) -> T:
        """Shielded: a caller that gives up does not take the result from the others."""
        return await asyncio.shield(self.start())

    def _forget(self, task: asyncio.Task[T]) -> None:
        self._task = None
        if not task.cancelled():
            # looked at, so that a run nobody waited for does not complain at the end
            task.exception()


class _Botocore:
    """One botocore session, for one thread at a time. Everything but `is_live` and `login` may
    block."""

    def __init__(self, region: str | None, given: Any, endpoint_url: str | None) -> None:
        self._region = region
        self._endpoint_url = endpoint_url
        self._given: Session | None = getattr(
            given, "_session", given
        )  # a boto3.Session is a shell around botocore's
        self._session: Session | None = self._given
        self._place: Place | None = None
        self._credentials: Any = None

    def place(self) -> Place:
        if self._place is None:
            self._place = _place_of(self._opened(), self._region, self._endpoint_url)
        return self._place

    def identity(self) -> Identity:
        region, session = self.place().region, self._opened()
        token = _bearer_token(session)
        if token is not None:
            return BearerToken(token)
        with _diagnosing(session):
            self._credentials = self._credentials or session.get_credentials()
            frozen = self._credentials and self._credentials.get_frozen_credentials()
        if not frozen or not frozen.access_key:
            raise _missing(session)
        return Signer(frozen.access_key, frozen.secret_key, frozen.token, region)

    def source(self) -> str:
        """Where the identity that was handed out came from, in botocore's words."""
        if self._credentials is None:
            return "AWS_BEARER_TOKEN_BEDROCK"
        method = getattr(self._credentials, "method", "given")
        return f"{method}, key … {self._credentials.access_key[-4:]}"

    def is_live(self) -> bool:
        """Whether the present credentials have not expired, as far as botocore knows."""
        needs_refresh = getattr(self._credentials, "refresh_needed", None)
        return needs_refresh is None or not needs_refresh(0)

    def login(self) -> str | None:
        command = _LOGIN_BEHIND.get(getattr(self._credentials, "method", ""))
        return f"{command} --profile {_profile_of(self._opened())}" if command else None

    def renew(self) -> None:
        """Make the next `identity` a new one. A session of ours is opened anew, for it caches; a
        given one is kept."""
        if self._given is None:
            self._session = self._credentials = None
        else:
            with _diagnosing(self._given):
                _refresh_now(self._credentials)

    def _opened(self) -> Session:
        if self._session is None:
            from botocore.session import Session

            self._session = Session()
        return self._session


_UNHEEDED: Mapping[str, object] = {
    "proxies_config": None,
    "connect_timeout": 60,
    "read_timeout": 60,
    "max_pool_connections": 10,
}
"""Settings of botocore's own HTTP client -> their defaults. Ours has `timeouts:` in the provider's
config."""


def _place_of(session: Session, asked_region: str | None, endpoint_url: str | None) -> Place:
    """What a client says of itself. It is made without credentials: looking for them may take
    seconds."""
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    try:
        region = asked_region or _region_of(session)
        config = Config(signature_version=UNSIGNED)
        client = session.create_client(
            "bedrock-runtime", region_name=region, endpoint_url=endpoint_url, config=config
        )
    except (BotoCoreError, ValueError) as error:
        raise ConfigError(
            f"AWS's settings do not say where to call: {error}",
            hint="set `region:` in the provider's config, or BEDROCK_REGION, AWS_REGION or a "
            "region in the AWS profile",
        ) from error
    client.close()
    return Place(
        client.meta.region_name,
        client.meta.endpoint_url.rstrip("/"),
        "the provider's config" if asked_region else "AWS's settings",
        network_of(session, client),
        retries_of_client(getattr(client.meta.config, "retries", None)),
        tuple(
            name
            for name, usual in _UNHEEDED.items()
            if getattr(client.meta.config, name, usual) != usual
        ),
    )


def _region_of(session: Session) -> str | None:
    """AWS_REGION is what AWS's other tools set and boto3 does not read."""
    of_session = session.instance_variables().get("region")
    return of_session or os.environ.get("AWS_REGION") or session.get_config_variable("region")


def _bearer_token(session: Session) -> str | None:
    """botocore prefers the token to any credentials, unless the session's own client config says
    how to sign."""
    config = session.get_default_client_config()
    is_settled = any(
        getattr(config, name, None) for name in ("signature_version", "auth_scheme_preference")
    )
    return None if is_settled else os.environ.get("AWS_BEARER_TOKEN_BEDROCK") or None


def _refresh_now(credentials: Any) -> None:
    """botocore refreshes by the clock alone; what AWS has ended before its time takes a private
    door."""
    lock = getattr(credentials, "_refresh_lock", None)
    if lock is not None:
        with lock:
            credentials._protected_refresh(is_mandatory=True)


def refuse_plaintext_api_key(endpoint_url: str) -> None:
    """A signature is worth nothing to who overhears it; an API key is worth everything. On this
    machine nobody does."""
    endpoint = urlsplit(endpoint_url)
    if endpoint.scheme != "https" and endpoint.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise CredentialsError(
            f"a Bedrock API key is not sent to {endpoint.hostname} over plain http",
            hint="give the endpoint as https://…, or unset AWS_BEARER_TOKEN_BEDROCK and sign with "
            "credentials",
        )


# ── faults ────────────────────────────────────────────────────────────────────────────────────────

_LOGINS = {
    "SSOError": "aws sso login",
    "TokenRetrievalError": "aws sso login",
    "LoginError": "aws login",
}
"""botocore's exceptions, by name since they came one after another, and the command that mends
them."""
_LOGIN_BEHIND = {"sso": "aws sso login", "login": "aws login"}
"""botocore's names for where credentials came from, and the command that renews them there."""
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})


@contextmanager
def _diagnosing(session: Session) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # Not `from error`: botocore repeats what a credential process wrote, and a traceback would
        # show it.
        raise _diagnosed(error, session) from None


def _profile_of(session: Session) -> str:
    return session.profile or "default"


def _login_profile_of(session: Session) -> str:
    """The profile to log in with: a role's is the one that it is assumed from."""
    name, profiles = _profile_of(session), session.full_config.get("profiles", {})
    for _ in profiles:  # as often as there are profiles, for they may name each other in a circle
        name = profiles.get(name, {}).get("source_profile", name)
    return str(name)


def _diagnosed(error: Exception, session: Session) -> AxonFlowError:
    """Quotes what botocore itself worded, and of an answer of AWS the code alone."""
    profile = _profile_of(session)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    login = next((command for kind, command in _LOGINS.items() if kind in kinds), None)
    if login is not None:
        return CredentialsExpired(
            f"the login behind the AWS profile {profile} has expired or was never made",
            hint=f"{login} --profile {_login_profile_of(session)}",
        )
    if "PartialCredentialsError" in kinds:
        return CredentialsMissing(
            str(error), hint="set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither"
        )
    if "ClientError" in kinds:
        return _refused(getattr(error, "operation_name", "?"), getattr(error, "response", {}))
    if isinstance(error, RuntimeError):  # botocore's "refreshed credentials are still expired"
        return CredentialsExpired(
            "AWS credentials were refreshed and are expired still", hint="check the clock"
        )
    return CredentialsError(
        f"AWS credentials could not be had for the profile {profile}: {type(error).__name__}",
        hint=f"`aws sts get-caller-identity --profile {profile}` shows the fault in full",
    )


def _refused(operation: str, response: Any) -> CredentialsError:
    code = response.get("Error", {}).get("Code", "an error")
    kind = CredentialsExpired if code in _EXPIRED else CredentialsError
    return kind(
        f"AWS answered {operation} with {code}, so there are no credentials",
        hint="renew the credentials of the source profile"
        if code in _EXPIRED
        else "check the role and who may assume it",
        native_code=code,
    )


def _missing(session: Session) -> CredentialsMissing:
    chain = session.get_component("credential_provider").providers
    tried = ", ".join(dict.fromkeys(provider.METHOD for provider in chain))
    return CredentialsMissing(
        f"no AWS credentials for the profile {_profile_of(session)}; looked at: {tried}",
        hint="run `aws configure`, or set AWS_PROFILE, AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY, or "
        "AWS_BEARER_TOKEN_BEDROCK",
    )
