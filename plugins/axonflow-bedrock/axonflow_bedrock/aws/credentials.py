"""Region, endpoint and identity, taken from AWS's own settings by botocore, off the event loop.

    region      the provider's config, else the session that was passed in, else AWS_REGION,
                AWS_DEFAULT_REGION, the profile
    endpoint    what a botocore client of that region calls: environment variables, shared config,
                FIPS, dual stack, partition
    identity    AWS_BEARER_TOKEN_BEDROCK, else the credentials of botocore's chain, which refresh
                themselves

botocore blocks: on files, on STS, for seconds on an instance metadata service that does not exist.
So it is called in a worker thread, at most once a second, and concurrent callers share one result.
Whoever waits for it waits no longer than the call's deadline.
While the present identity is valid no caller waits, and a refresh that fails fails no call:

    no identity yet             wait for one
    older than ASK_EVERY_S      start a refresh; use the present one while it has not expired
    expired                     wait for a new one
    AWS refused the identity    `refresh`: fetch new credentials, once for all calls that failed
    a source was slow to fail   its error is every caller's for `SILENT_FOR_S`, at once

Where environment variables and a plain profile decide all of it, botocore is not even imported
(`environment`, `profile`).

`AwsSettings` holds the results, `_Botocore` runs in worker threads and holds the botocore session.
A forked process keeps the results; what was under way when it was forked it begins anew.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from axonflow_core import waiting
from axonflow_core.calls.retries import Retries
from axonflow_core.errors import (
    AxonFlowError,
    ConfigError,
    CredentialsError,
    CredentialsExpired,
    CredentialsMissing,
)
from axonflow_core.frozen import frozen
from axonflow_core.http.client import Network
from axonflow_core.nearest import nearest
from axonflow_core.waiting import SharedWork

from . import environment
from .environment import StaticCredentials
from .network import direct_network, network_of, unusable_endpoint
from .profile import Profile, profile_of
from .regions import hint_for, is_region
from .retries import retries_of_client
from .signing import BearerToken, Identity, Signer

if TYPE_CHECKING:
    from botocore.session import Session

ASK_EVERY_S = 1.0
"""Seconds after which botocore is asked for the identity again. That takes 8 µs where credentials
refresh themselves (measured 2026-11)."""
RENEW_EVERY_S = 10.0
"""Seconds within which calls to `refresh` share one result: calls that failed together arrive one
after another."""

SILENT_FOR_S = 5.0
"""Seconds for which a source of credentials that was slow to fail is not asked again."""
SLOW_TO_FAIL_S = 1.0
"""From so many seconds on an error is kept: a metadata service that does not answer takes two."""

OF_CONFIG = "the provider's config"
"""The source of a region that is named there."""

_log = logging.getLogger(__name__)


@frozen
class Place:
    """Where calls go, and how they get there."""

    region: str
    endpoint_url: str
    """Scheme, host and optional path, without a trailing slash."""
    region_source: str = OF_CONFIG
    """The setting that decided the region, for people to read."""
    network: Network = Network()
    retries: Retries = Retries()
    unheeded: tuple[str, ...] = ()
    """The settings of the client config that have no effect here, as they concern botocore's own
    HTTP client."""


class AwsSettings:
    """The AWS settings of one provider, for any thread and any event loop."""

    def __init__(
        self,
        *,
        region: str | None = None,
        session: Any = None,
        endpoint_url: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`session` is a `boto3.Session` or botocore session; without one a new botocore session
        reads AWS's default settings. `clock` gives monotonic seconds.
        """
        self._botocore = _Botocore(region, session, endpoint_url)
        self._clock = clock
        self._process, self._lock = os.getpid(), threading.Lock()
        self._place: Place | None = None
        self._identity: Identity | None = None
        self._ask_again_at = 0.0
        self._renew_again_at = 0.0
        self._was_renewed = False
        self._failure: CredentialsError | None = None
        self._fails_until = 0.0
        self._locating = SharedWork(self._locate)
        self._asking = SharedWork(self._ask)
        self._renewing = SharedWork(self._renew)

    async def place(self) -> Place:
        """The region and endpoint, and how to reach it. `ConfigError` where the settings give no
        region, or an invalid one.
        """
        return self._place or await self._locating.result()

    async def signer(self) -> Identity:
        """The identity to sign with now. Raises `CredentialsMissing`, `CredentialsExpired` or
        another `CredentialsError`.
        """
        if self._identity is None:
            self._raise_recent_failure()
            return await self._asking.result()
        if self._clock() >= self._ask_again_at:
            is_live = self._botocore.is_live()
            if not is_live:
                self._raise_recent_failure()
            asked = self._asking.start()
            if not is_live:
                return await waiting.outcome(asked)
        return self._identity

    async def identity_source(self) -> str:
        """The source of the credentials, with the last four characters of the access key id. Raises
        what `signer` raises.
        """
        await self.signer()
        return await waiting.outcome(waiting.in_thread(self._botocore.source))

    async def identity_method(self) -> str:
        """The source of the credentials alone. Raises what `signer` raises."""
        await self.signer()
        return await waiting.outcome(waiting.in_thread(self._botocore.method))

    def login(self) -> str | None:
        """The command that renews the present credentials, None where they need no login."""
        return self._botocore.login()

    async def refresh(self) -> bool:
        """Fetch new credentials, after AWS refused the present ones. Returns whether they differ.
        Raises what `signer` raises.
        """
        if self._clock() < self._renew_again_at:
            return self._was_renewed
        return await self._renewing.result()

    def _raise_recent_failure(self) -> None:
        """The error of a source that was slow to fail, while it is fresh."""
        failure = self._failure
        if failure is not None and self._clock() < self._fails_until:
            raise type(failure)(failure.message, hint=failure.hint, native_code=failure.native_code)

    # The methods below run in worker threads, one at a time (`_one_at_a_time`).

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        if self._process != os.getpid():  # the lock's holder did not come along
            self._process, self._lock = os.getpid(), threading.Lock()
        with self._lock:
            yield

    def _locate(self) -> Place:
        with self._one_at_a_time():
            self._place = self._botocore.place()
        return self._place

    def _ask(self) -> Identity:
        with self._one_at_a_time():
            began = self._clock()
            try:
                found = self._found()
            except CredentialsError as error:
                if self._clock() - began >= SLOW_TO_FAIL_S:
                    self._failure, self._fails_until = error, self._clock() + SILENT_FOR_S
                raise
            return self._keep(found)

    def _found(self) -> Identity:
        """A fresh identity; the present one, with a warning, where refreshing fails and it has not
        expired."""
        try:
            return self._botocore.identity()
        except CredentialsError as error:
            if self._identity is None or not self._botocore.is_live():
                raise
            _log.warning(
                "AWS credentials could not be refreshed, the present ones stay in use: %s", error
            )
            return self._identity

    def _keep(self, found: Identity) -> Identity:
        """Store `found`, or keep the present identity where it is equal, since it has already
        derived the signing key of the day.
        """
        kept = self._identity if self._identity == found else None
        self._identity = kept or found
        self._ask_again_at = self._clock() + ASK_EVERY_S
        return self._identity

    def _renew(self) -> bool:
        """Drop the present credentials and fetch new ones; whether they differ."""
        with self._one_at_a_time():
            before, self._identity = self._identity, None
            self._botocore.renew()
            self._was_renewed = self._keep(self._botocore.identity()) != before
            self._renew_again_at = self._clock() + RENEW_EVERY_S
            return self._was_renewed


class _Botocore:
    """One botocore session, used by one thread at a time. All methods but `is_live` and `login` may
    block.
    """

    def __init__(self, region: str | None, given: Any, endpoint_url: str | None) -> None:
        self._region = region
        self._endpoint_url = endpoint_url
        # A boto3.Session wraps a botocore session.
        self._given: Session | None = getattr(given, "_session", given)
        self._session: Session | None = self._given
        self._place: Place | None = None
        self._profile: Profile | None = None
        self._credentials: Any = None

    def place(self) -> Place:
        """The region and endpoint, determined once."""
        if self._place is None:
            place = self._place_of_settings() or _place_of(
                self._opened(), self._region, self._endpoint_url
            )
            if not is_region(place.region):
                raise _no_such_region(place.region, place.region_source)
            self._place = place
        return self._place

    def _place_of_settings(self) -> Place | None:
        """The place where botocore need not be asked for it."""
        settings = self._settings()
        if settings is None:
            return None
        found = environment.endpoint_of(settings, self._region, self._endpoint_url)
        if found is None:
            return None
        region, endpoint_url = found
        network = direct_network(endpoint_url, environment.authorities_of(settings))
        return Place(region, endpoint_url, _source_of(self._region), network)

    def _settings(self) -> Mapping[str, str] | None:
        """The settings where botocore need not be asked for them, nor was so far."""
        if self._session is not None:
            return None
        if self._profile is None:
            self._profile = profile_of(os.environ)
        return environment.settings_of(os.environ, self._profile)

    def identity(self) -> Identity:
        """A bearer token, else a signer with a snapshot of the chain's credentials. Raises what
        `AwsSettings.signer` raises."""
        found = self._found_identity()
        _refuse_unsendable(found, getattr(self._credentials, "method", "given"))
        return found

    def _found_identity(self) -> Identity:
        region = self.place().region
        settings = self._settings()
        if settings is not None and self._profile is not None:
            found = environment.credentials_of(settings, os.environ, self._profile)
            return self._identity_of(found, region)
        session = self._opened()
        token = _bearer_token(session)
        if token is not None:
            return BearerToken(token)
        if self._credentials is None:
            with _diagnosing(session):
                self._credentials = session.get_credentials()
        with _diagnosing(session, "refresh"):
            frozen = self._credentials and self._credentials.get_frozen_credentials()
        if not frozen or not frozen.access_key:
            raise _missing(session)
        return Signer(frozen.access_key, frozen.secret_key, frozen.token, region)

    def _identity_of(self, found: str | StaticCredentials, region: str) -> Identity:
        if isinstance(found, str):
            return BearerToken(found)
        # As botocore, which reads the variables once.
        kept = self._credentials = self._credentials or found
        return Signer(kept.access_key, kept.secret_key, kept.token, region)

    def source(self) -> str:
        """The source of the last identity, by botocore's name for it."""
        if self._credentials is None:
            return "AWS_BEARER_TOKEN_BEDROCK"
        method = getattr(self._credentials, "method", "given")
        return f"{method}, key … {self._credentials.access_key[-4:]}"

    def method(self) -> str:
        """As `source`, without any of the key."""
        return self.source().partition(",")[0]

    def is_live(self) -> bool:
        """Whether the present credentials have not expired, as far as botocore knows."""
        needs_refresh = getattr(self._credentials, "refresh_needed", None)
        return needs_refresh is None or not needs_refresh(0)

    def login(self) -> str | None:
        """The login command for the source of the present credentials, None for sources without a
        login."""
        command = _LOGIN_OF_SOURCE.get(getattr(self._credentials, "method", ""))
        return f"{command} --profile {_profile_of(self._opened())}" if command else None

    def renew(self) -> None:
        """Make the next `identity` a new one. Our own session is replaced, because it caches; a
        session that was passed in is kept, and its credentials are refreshed.
        """
        if self._given is None:
            self._session = self._credentials = self._profile = None
        else:
            with _diagnosing(self._given, "refresh"):
                _refresh_now(self._credentials)

    def _opened(self) -> Session:
        """The session; botocore is imported at first use, because it is slow to import and
        optional. An empty AWS_PROFILE is unset, and no profile with an empty name."""
        if self._session is None:
            from botocore.session import Session

            named = [name for name in _PROFILE_VARIABLES if os.environ.get(name)]
            self._session = Session(session_vars={"profile": (None, named, None, None)})
        return self._session


_PROFILE_VARIABLES = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")
"""What names the profile, in botocore's order (`botocore.configprovider`, 1.43)."""

_HINT_FOR_REGION = (
    "set `region:` in the provider's config, or BEDROCK_REGION, AWS_REGION or a region in the AWS "
    "profile"
)


def _hint_for_place(session: Session, error: Exception) -> str:
    """How to correct the setting that `error` is about."""
    if not re.search("Region|Endpoint", type(error).__name__):
        return "correct the setting that is named, in the environment or in the AWS profile"
    return _HINT_FOR_REGION


_UNHEEDED: Mapping[str, object] = {
    "proxies_config": None,
    "connect_timeout": 60,
    "read_timeout": 60,
    "max_pool_connections": 10,
}
"""Settings of botocore's own HTTP client -> their defaults. The provider's config has `timeouts:`
instead."""


def _place_of(session: Session, asked_region: str | None, endpoint_url: str | None) -> Place:
    """Read region, endpoint, network and retries off a botocore client. It is created unsigned:
    looking for credentials may take seconds.
    """
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    region = None
    try:
        region = asked_region or _region_of(session)
        config = Config(signature_version=UNSIGNED)
        client = session.create_client(
            "bedrock-runtime", region_name=region, endpoint_url=endpoint_url, config=config
        )
    except BotoCoreError as error:
        kind = type(error).__name__
        if kind == "ProfileNotFound":
            raise _no_such_profile(session) from None
        if kind == "NoRegionError":
            raise NoRegion("no region is configured", hint=_HINT_FOR_REGION) from None
        if kind == "InvalidRegionError" and region:
            raise _no_such_region(region, _source_of(asked_region, session)) from None
        raise ConfigError(
            f"AWS's settings do not give a usable region or endpoint: {error}",
            hint=_hint_for_place(session, error),
        ) from error
    except ValueError as error:
        if region and region.endswith("\n"):  # which botocore lets pass
            raise ConfigError(
                "the region of AWS's settings ends in a line break", hint=_HINT_FOR_REGION
            ) from None
        if not str(error).startswith("invalid literal"):  # of the endpoint, which it shows
            raise unusable_endpoint() from None
        raise ConfigError(
            f"AWS's settings have a number that is none: {error}",
            hint="check AWS_MAX_ATTEMPTS and `max_attempts` of the AWS profile",
        ) from error
    client.close()
    return Place(
        client.meta.region_name,
        client.meta.endpoint_url.rstrip("/"),
        _source_of(asked_region, session),
        network_of(session, client),
        retries_of_client(getattr(client.meta.config, "retries", None)),
        tuple(
            name
            for name, usual in _UNHEEDED.items()
            if getattr(client.meta.config, name, usual) != usual
        ),
    )


class NoRegion(ConfigError):
    """Neither the configuration nor AWS's settings name a region, or what they name is none."""


def _no_such_region(region: str, source: str) -> NoRegion:
    message = f"{region!r} is not an AWS region, and {source} names it"
    return NoRegion(message, hint=hint_for(region))


def _no_such_profile(session: Session) -> ConfigError:
    """The error for a profile that is named and that no file has."""
    name, names = session.profile or "", session.available_profiles
    variables = (variable for variable in _PROFILE_VARIABLES if os.environ.get(variable) == name)
    where = next(variables, "the session")
    near = nearest(name, names)
    return ConfigError(
        f"{where} names the profile {name!r}, and AWS's files have none of that name",
        hint=(f"did you mean `{near}`? " if near else f"correct {where}; ")
        + f"the profiles there are: {', '.join(names) or 'none'}",
    )


def _source_of(asked_region: str | None, session: Session | None = None) -> str:
    """Where the region is from, for people to read."""
    if asked_region:
        return OF_CONFIG
    if session is not None and session.instance_variables().get("region"):
        return "the session"
    variable = next((name for name in environment.REGIONS if os.environ.get(name)), None)
    profile = os.environ.get("AWS_PROFILE") if session is None else session.profile
    return variable or f"the AWS profile {profile or 'default'}"


def _region_of(session: Session) -> str | None:
    """The session's own region, else AWS_REGION, which boto3 does not read but Lambda, ECS and
    other SDKs set, else botocore's setting.
    """
    of_session = session.instance_variables().get("region")
    return of_session or os.environ.get("AWS_REGION") or session.get_config_variable("region")


def _bearer_token(session: Session) -> str | None:
    """AWS_BEARER_TOKEN_BEDROCK. As in botocore it has precedence over all credentials, unless the
    session's client config chooses how to sign.
    """
    config = session.get_default_client_config()
    is_settled = any(
        getattr(config, name, None) for name in ("signature_version", "auth_scheme_preference")
    )
    return None if is_settled else os.environ.get("AWS_BEARER_TOKEN_BEDROCK") or None


def _refresh_now(credentials: Any) -> None:
    """Refresh credentials before they expire. botocore's public methods refresh by the clock only,
    so credentials that AWS revoked early need a private one.
    """
    lock = getattr(credentials, "_refresh_lock", None)
    if lock is not None:
        with lock:
            credentials._protected_refresh(is_mandatory=True)


_UNSENDABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
"""What no header may have, and no UTF-8: a byte of a variable that is not UTF-8 is read as a
surrogate."""


def _refuse_unsendable(identity: Identity, source: str) -> None:
    """Raise `CredentialsError` where a part of `identity` cannot be signed with or sent."""
    if isinstance(identity, BearerToken):
        parts, of_source = {"AWS_BEARER_TOKEN_BEDROCK": identity.token}, ""
    else:
        of_source = f" ({source})"
        parts = {
            "AWS_ACCESS_KEY_ID": identity.access_key,
            "AWS_SECRET_ACCESS_KEY": identity.secret_key,
            "AWS_SESSION_TOKEN": identity.session_token or "",
        }
    for name, value in parts.items():
        if _UNSENDABLE.search(value):
            raise CredentialsError(
                f"{name}{of_source} has a line break, another control character or a byte that is "
                "not UTF-8",
                hint=f"set {name} again, without a line break at its end",
            )


def refuse_plaintext_api_key(endpoint_url: str) -> None:
    """Raise `CredentialsError` for an endpoint with plain http, unless it is on this machine.
    Unlike a signature, an API key that is overheard can be used for any call.
    """
    endpoint = urlsplit(endpoint_url)
    if endpoint.scheme != "https" and endpoint.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise CredentialsError(
            f"a Bedrock API key is not sent to {endpoint.hostname} over plain http",
            hint="give the endpoint as https://…, or unset AWS_BEARER_TOKEN_BEDROCK and sign with "
            "credentials",
        )


# ── errors ────────────────────────────────────────────────────────────────────────────────────────

_LOGINS = {
    "SSOError": "aws sso login",
    "TokenRetrievalError": "aws sso login",
    "LoginError": "aws login",
}
"""botocore's exception -> the command that helps. By name: older versions of botocore lack some."""
_LOGIN_OF_SOURCE = {"sso": "aws sso login", "login": "aws login"}
"""botocore's name for a source of credentials -> the command that renews them."""
_STILL_EXPIRED = "refreshed credentials are still expired"
"""botocore's words for credentials that are expired after a refresh. Any other `RuntimeError` is of
the program that refreshes them."""
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})


@contextmanager
def _diagnosing(session: Session, step: str = "get") -> Iterator[None]:
    """Convert whatever botocore raises in the block to an error of ours. `step` is what the block
    does to the credentials: `get` or `refresh`."""
    try:
        yield
    except Exception as error:
        # Not `from error`: botocore's message contains the output of a credential process, which
        # may hold secrets, and a traceback would show it.
        raise _diagnosed(error, session, step) from None


def _profile_of(session: Session) -> str:
    return session.profile or "default"


def _login_profile_of(session: Session) -> str:
    """The profile to log in with: for an assumed role, its source profile."""
    name, profiles = _profile_of(session), session.full_config.get("profiles", {})
    for _ in profiles:  # bounded, because profiles may name each other in a circle
        name = profiles.get(name, {}).get("source_profile", name)
    return str(name)


def _diagnosed(error: Exception, session: Session, step: str) -> AxonFlowError:
    """botocore's exception as ours. Quotes botocore's own text only where it holds no input, and
    only the code of an answer of AWS.
    """
    profile = _profile_of(session)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    login = next((command for kind, command in _LOGINS.items() if kind in kinds), None)
    if login is not None:
        return CredentialsExpired(
            f"the login of the AWS profile {profile} has expired or was never made",
            hint=f"{login} --profile {_login_profile_of(session)}",
        )
    if "PartialCredentialsError" in kinds:
        return CredentialsMissing(
            str(error), hint="set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither"
        )
    if "ClientError" in kinds:
        return _refused(getattr(error, "operation_name", "?"), getattr(error, "response", {}))
    if isinstance(error, RuntimeError) and _STILL_EXPIRED in str(error):
        return CredentialsExpired(
            "AWS credentials are still expired after a refresh", hint="check this machine's clock"
        )
    return CredentialsError(
        f"cannot {step} AWS credentials for the profile {profile}: {type(error).__name__}",
        hint=f"`aws sts get-caller-identity --profile {profile}` shows the error in full",
    )


def _refused(operation: str, response: Any) -> CredentialsError:
    """The error for an STS or SSO call that AWS refused."""
    code = response.get("Error", {}).get("Code", "an error")
    kind = CredentialsExpired if code in _EXPIRED else CredentialsError
    return kind(
        f"AWS answered {operation} with {code}, so there are no credentials",
        hint="renew the credentials of the source profile"
        if code in _EXPIRED
        else "check the role, and that this identity may assume it",
        native_code=code,
    )


def _missing(session: Session) -> CredentialsMissing:
    """The error for a chain without credentials, naming the sources in their order."""
    chain = session.get_component("credential_provider").providers
    tried = ", ".join(dict.fromkeys(provider.METHOD for provider in chain))
    return CredentialsMissing(
        f"no AWS credentials for the profile {_profile_of(session)}; sources tried: {tried}",
        hint="run `aws configure`, or set AWS_PROFILE, AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY, or AWS_BEARER_TOKEN_BEDROCK",
    )
