"""One recorded call with its answer, and the files that recordings are kept in: JSON Lines, one
object a line.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson
from attrs import field

from axonflow_core.errors import RequestError
from axonflow_core.frozen import frozen
from axonflow_core.json import loads
from axonflow_core.messages import Json


@frozen(kw_only=True)
class Recording:
    """One call with its answer. A side that the source did not store is None."""

    case: str
    """The name of the recording, `family/name`."""
    operation: str
    """The provider's name of the call."""
    model_id: str
    """The id that was called."""
    status: int
    """The HTTP status of the answer."""
    region: str | None = None
    request_body: Json = field(default=None, repr=False)
    response_body: Json = field(default=None, repr=False)
    response_headers: Mapping[str, str] = field(factory=dict, repr=False)
    """Names in lower case."""
    stream: bytes | None = field(default=None, repr=False)
    """The bytes of a streamed answer, frames included."""
    chunks: Sequence[Json] | None = field(default=None, repr=False)
    """The stream as the recorder decoded it, an exception as `{"__exception__": …}`."""


def read_recordings(path: Path) -> list[Recording]:
    """The recordings in a JSON Lines file. `RequestError` names the line that is not one."""
    recordings = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        # A file may end in an empty line, or be edited by hand.
        if line.strip():
            try:
                recordings.append(_recording(loads(line), path.stem))
            except (KeyError, TypeError, ValueError, AttributeError) as fault:
                raise _faulty(path, number, fault) from fault
    if not recordings:
        raise RequestError(
            f"{path} contains no recordings", hint="give a file with one JSON object a line"
        )
    return recordings


def _recording(native: Mapping[str, Json], family: str) -> Recording:
    """The recording in one line. KeyError, TypeError or ValueError where it is none."""
    encoded, headers = native.get("raw_eventstream_base64"), native.get("response_headers") or {}
    return Recording(
        case=f"{native.get('family', family)}/{native['name']}",
        operation=native["operation"],
        model_id=native["model_id"],
        status=int(native["status"]),
        region=native.get("region"),
        request_body=native.get("request_body"),
        response_body=native.get("response_body"),
        response_headers={name.lower(): value for name, value in headers.items()},
        stream=None if encoded is None else b64decode(encoded, validate=True),
        chunks=native.get("stream_chunks"),
    )


def _faulty(path: Path, number: int, fault: Exception) -> RequestError:
    """The error of a line that is no recording, with file and line number and without its
    content."""
    what = "the line is not a recording"
    if isinstance(fault, orjson.JSONDecodeError):
        what = "the line is not JSON"
    elif isinstance(fault, KeyError):
        what = f"the recording has no {fault.args[0]!r}"
    return RequestError(
        f"{path}:{number}: {what}",
        hint="a line is one JSON object with name, operation, model_id, status, and bodies or a "
        "stream",
    )
