"""Proxy, trusted authorities and client certificate, taken from AWS's own settings.

    proxy          `proxies` of the session's client config, else HTTP_PROXY, HTTPS_PROXY, NO_PROXY
    authorities    AWS_CA_BUNDLE or `ca_bundle` of the profile, else REQUESTS_CA_BUNDLE, else those
                   that botocore ships
    certificate    `client_cert` of the session's client config

These are the rules of botocore 1.44 (`botocore.httpsession`, `EndpointCreator`), so that an
endpoint that boto3 reaches is reached.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from axonflow_core.errors import ConfigError, RequestError
from axonflow_core.http.client import Network
from axonflow_core.http.request_bytes import endpoint_of

if TYPE_CHECKING:
    import ssl

    from botocore.session import Session


def network_of(session: Session, client: Any) -> Network:
    """Proxy and TLS settings for the endpoint of a botocore `client`. Raises `ConfigError` for a
    file, an endpoint or a proxy that cannot be used. Reads files.
    """
    scheme = _scheme_of(client.meta.endpoint_url)
    tls = _tls(session, client) if scheme == "https" else None
    return Network(_proxy_url(client, scheme), tls)


def _scheme_of(endpoint_url: str) -> str:
    try:
        endpoint = endpoint_of(endpoint_url)
    except RequestError:
        raise unusable_endpoint() from None
    if endpoint.userinfo is not None:
        raise unusable_endpoint()
    return endpoint.scheme


def unusable_endpoint() -> ConfigError:
    """The error for an endpoint that is no URL of HTTP. It may hold a password, and is not
    shown."""
    return ConfigError(
        "the endpoint of AWS's settings cannot be used: it has to be an http:// or https:// URL "
        "with a host, no user or password, and a port of 1 to 65535 if any",
        hint="check AWS_ENDPOINT_URL_BEDROCK_RUNTIME, AWS_ENDPOINT_URL and `endpoint_url` of the "
        "AWS profile",
    )


def _proxy_url(client: Any, scheme: str) -> str | None:
    """The proxy for the endpoint's scheme, None for a direct connection. A proxy without a scheme
    is http, as in botocore."""
    from botocore.utils import get_environ_proxies

    proxies = client.meta.config.proxies or get_environ_proxies(client.meta.endpoint_url)
    proxy: str | None = proxies.get(scheme)
    if not proxy:
        return None
    url = proxy if "://" in proxy else f"http://{proxy.removeprefix('//')}"
    try:
        endpoint_of(url)
    except RequestError:  # which has the URL, and with it a password, in its cause
        raise ConfigError(
            "the URL of the proxy cannot be used: it has to begin with http:// or https://, with a "
            "host and a port of 1 to 65535 if any",
            hint=f"check {scheme.upper()}_PROXY and the proxies of the client config",
        ) from None
    return url


def direct_network(endpoint_url: str, authorities: str | None) -> Network:
    """The settings without a proxy; the file or folder `authorities` is trusted, else what botocore
    trusts. Imports nothing of botocore."""
    is_https = _scheme_of(endpoint_url) == "https"
    return Network(None, _trusting(Path(authorities or _default_path())) if is_https else None)


def _default_path() -> Path:
    """The certificates that botocore trusts: certifi's where it is installed, else its own."""
    if find_spec("certifi"):
        from certifi import where  # type: ignore[import-not-found, unused-ignore]

        return Path(where())
    spec = find_spec("botocore")
    return Path(str(spec and spec.origin)).with_name("cacert.pem")


def _tls(session: Session, client: Any) -> ssl.SSLContext:
    """A TLS context with the trusted authorities and the client certificate."""
    from botocore.httpsession import get_cert_path

    named = session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
    context = _trusting(Path(str(named or get_cert_path(verify=True))))
    _show_certificate(context, client.meta.config.client_cert)
    return context


def _trusting(path: Path) -> ssl.SSLContext:
    """A TLS context with the authorities in a file or folder."""
    import ssl

    with _usable(
        f"the certificates in {path}", "check AWS_CA_BUNDLE and `ca_bundle` of the profile"
    ):
        is_folder = path.is_dir()
        return ssl.create_default_context(
            cafile=None if is_folder else str(path), capath=str(path) if is_folder else None
        )


def _show_certificate(context: ssl.SSLContext, client_cert: str | tuple[str, str] | None) -> None:
    if client_cert is not None:
        files = (client_cert,) if isinstance(client_cert, str) else client_cert
        with _usable(
            f"the client certificate in {' and '.join(files)}",
            "check `client_cert` of the client config",
        ):
            context.load_cert_chain(*files)


@contextmanager
def _usable(what: str, hint: str) -> Iterator[None]:
    """Convert the OSError of a file that cannot be read or parsed to `ConfigError`."""
    try:
        yield
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"{what} cannot be used: {error.strerror or type(error).__name__}",
            hint=f"{hint}: they must name PEM files that this process may read",
        ) from error
