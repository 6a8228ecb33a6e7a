"""The page docs/troubleshooting.md, made of what the program itself says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from axonflow_core import errors
from axonflow_core.plugin_spec import ErrorEntry


@frozen
class Catalogue:
    provider: str
    """As people call it."""
    entries: tuple[ErrorEntry, ...]


def _own(error: type[errors.AxonFlowError], cause: str, fix: str) -> ErrorEntry:
    is_retryable = issubclass(error, errors.ProviderError) and error.is_retryable
    return ErrorEntry(code=error.code, cause=cause, fix=fix, is_retryable=is_retryable)


_OWN = (
    _own(
        errors.AxonFlowError,
        "something failed that has no code of its own",
        "read the message: it says what",
    ),
    _own(
        errors.ConfigError,
        "the YAML or the environment has a fault",
        "mend the place that the error names; `axonflow check` tells every fault at once",
    ),
    _own(
        errors.PluginError,
        "an installed plugin is missing, blocked or broken",
        "`axonflow plugins` shows the state of each and why",
    ),
    _own(
        errors.RequestError,
        "the caller asked for what cannot be done",
        "change what the message names",
    ),
    _own(
        errors.MalformedRequest,
        "a client sent a body that is not in the format it uses; nothing was sent to a model",
        "compare the body with the documents of that format",
    ),
    _own(
        errors.EncodeError,
        "the model family does not support this; nothing was sent and nothing was dropped",
        "leave it out, or choose a model of another family",
    ),
    _own(
        errors.UndetectedFamily,
        "no installed family claims this model id",
        "name the family with `family:` or "
        "`base_model:`, or install the package that has it; `axonflow codecs list` shows what "
        "there is",
    ),
    _own(
        errors.BlockingCallError,
        "the blocking façade was called on a running event loop",
        "use `Runtime` and `await` there",
    ),
    _own(
        errors.AnswerError,
        "the provider answered something else than it documents",
        "report it with the request id",
    ),
    _own(
        errors.DecodeError,
        "the answer is not one of the detected family",
        "name the family with `family:` or `base_model:`",
    ),
    _own(
        errors.UnencodableAnswer,
        "the answer holds something that the client's format has no place for",
        "ask without what the message names, or use an endpoint that has a place for it",
    ),
    _own(
        errors.TruncatedStream,
        "the stream ended before its terminal event",
        "the partial text is attached; look at the time limits of proxies on the way, and ask "
        "again",
    ),
    _own(
        errors.ProviderError,
        "the provider refused or failed",
        "read the message: it holds the provider's words",
    ),
    _own(
        errors.AccessDenied,
        "this account or role may not make the call",
        "allow what the error names",
    ),
    _own(
        errors.ModelNotFound,
        "there is no such model here, it is not enabled, or it has reached its end of life",
        "check id, region and model access",
    ),
    _own(
        errors.ProfileRequired,
        "the model cannot be called under its plain id",
        "use the profile that the error names",
    ),
    _own(
        errors.InvalidCall,
        "the request breaks a rule of the provider or the model",
        "change what the error names",
    ),
    _own(
        errors.ContextExceeded,
        "the prompt is too long for the model",
        "shorten the conversation, or choose a model with a larger context",
    ),
    _own(
        errors.Uncountable,
        "the provider counts no tokens for this model, or not in this region",
        "take the usage of an answer, or count with another model",
    ),
    _own(
        errors.CredentialsError,
        "the provider does not accept who we are",
        "check the credentials that the error names",
    ),
    _own(errors.CredentialsMissing, "there are no credentials", "the error names what was tried"),
    _own(errors.CredentialsExpired, "the credentials have expired", "renew them as the error says"),
    _own(
        errors.Throttled,
        "a quota or rate limit is used up",
        "wait, or ask for more; a daily quota is not retried",
    ),
    _own(
        errors.ProviderTimeout,
        "a time limit passed",
        "stream long answers, or raise `timeouts:`; a call that may have been billed is not "
        "repeated",
    ),
    _own(errors.Unavailable, "the provider is not there, or has no capacity", "try again"),
    ErrorEntry(
        code="bug",
        cause="AxonFlow failed in a way that nobody foresaw",
        fix="run it again with AXONFLOW_DEBUG=1 for the traceback, and report it",
    ),
)
OWN_CODES: Mapping[str, ErrorEntry] = {entry.code: entry for entry in _OWN}
"""Every code that `error[…]` can show. A test compares it with the tree in `errors`."""

_HEAD = """# Troubleshooting

Generated by `axonflow explain error --markdown > docs/troubleshooting.md`: edit the error tables in
the code, not this page. `axonflow explain error CODE` prints the section of one code, by AxonFlow's
name or by the provider's. A word in capitals is a placeholder; the error itself has the value.
"""


def page(catalogues: Sequence[Catalogue]) -> str:
    return "\n".join([_HEAD, *_sections(catalogues)])


def _sections(catalogues: Sequence[Catalogue]) -> Iterator[str]:
    for catalogue in catalogues:
        met_first = [entry for entry in catalogue.entries if entry.issue]
        if met_first:
            rows = [
                (entry.issue, _coded(entry.code), entry.cause, entry.fix) for entry in met_first
            ]
            yield _section(
                f"{catalogue.provider}: what most people meet",
                ("issue", "code", "cause", "fix"),
                rows,
            )
    own = [(_coded(entry.code), entry.cause, entry.fix) for entry in OWN_CODES.values()]
    yield _section("AxonFlow's own codes", ("code", "cause", "fix"), own)
    for catalogue in catalogues:
        cases = [_row(entry) for entry in catalogue.entries if not entry.issue]
        columns = ("code", "provider's name", "cause", "fix", "retried", "the provider's words")
        yield _section(f"{catalogue.provider}: every case", columns, cases)


def _row(entry: ErrorEntry) -> tuple[str, ...]:
    names = [_coded(name) for name in entry.native_codes] + (
        [f"HTTP {entry.statuses}"] if entry.statuses else []
    )
    retried = "yes" if entry.is_retryable else "no"
    return (_coded(entry.code), ", ".join(names), entry.cause, entry.fix, retried, entry.example)


def _coded(code: str) -> str:
    return f"`{code}`" if code else ""


def _section(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join([f"## {title}", "", *("| " + " | ".join(line) + " |" for line in lines), ""])


def _cell(text: str) -> str:
    return re.sub(r"([|<>*])", r"\\\1", " ".join(text.split()))
