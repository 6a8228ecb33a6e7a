"""The secrets of a server, and where they come from.

Each key is looked for by itself, and the first place that has it wins:

    1  its variable             AXONFLOW_SERVER_KEY
    2  the file that its        AXONFLOW_SERVER_KEY_FILE=/run/secrets/server
       variable's twin names
    3  the key command          vault-read server
    4  the folder of keys       DIR/server.key, made by `axonflow keys init DIR`

A key is written as base64url, with or without padding. `server` and `audit-verify` are lists, with
commas or line breaks between, the newest key first; the others are one key.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import shlex
import signal
import stat
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event, Timer
from typing import IO, cast

from attrs import field

from axonflow_core.errors import ConfigError
from axonflow_core.frozen import frozen

KEYS_DIR = "AXONFLOW_KEYS_DIR"
"""The variable that names the folder of keys."""
KEY_BYTES = 32
"""The size of a new key, and the least size of one that is given."""
COMMAND_TIMEOUT_S = 10.0
"""How long the key command may take for one key."""
MAX_KEY_TEXT_BYTES = 16_384
"""How much is read of a file or of the key command's output."""
_MADE_BY = f"run `axonflow keys init DIR`, then set {KEYS_DIR}=DIR or `server.keys_dir: DIR`"

_FORM = (
    f"a key is {KEY_BYTES} bytes as base64url, 43 characters; `axonflow keys init DIR` makes new "
    "ones, and prints the public key of the audit"
)


@frozen(kw_only=True)
class Keys:
    """The secrets of a server. Nothing of them is in a repr."""

    server: tuple[bytes, ...] = field(repr=False)
    """The keys that clients' secrets are derived from, the newest first; each has 32 bytes or
    more."""
    signing: bytes = field(repr=False)
    """The Ed25519 seed that signs the heads of the audit: 32 bytes."""
    verify: tuple[bytes, ...] = field(default=(), repr=False)
    """The Ed25519 public keys of earlier signing keys: 32 bytes each."""
    master: bytes = field(repr=False)
    """The key that the audit's other keys are encrypted with: 32 bytes."""


@frozen(kw_only=True)
class KeySource:
    """One key, by the names that it has where keys come from."""

    name: str
    """The argument of the key command, and the stem of its file."""
    variable: str
    is_list: bool = False
    is_needed: bool = True
    is_longer_allowed: bool = False

    @property
    def file_name(self) -> str:
        """The name of its file in the folder of keys."""
        return f"{self.name}.key"


SERVER = KeySource(
    name="server", variable="AXONFLOW_SERVER_KEY", is_list=True, is_longer_allowed=True
)
SIGNING = KeySource(name="audit-signing", variable="AXONFLOW_AUDIT_SIGNING_KEY")
VERIFY = KeySource(
    name="audit-verify", variable="AXONFLOW_AUDIT_VERIFY_KEYS", is_list=True, is_needed=False
)
MASTER = KeySource(name="audit-master", variable="AXONFLOW_AUDIT_MASTER_KEY")


def load_keys(
    folder: Path | None, environment: Mapping[str, str], command: str | None = None
) -> Keys:
    """The keys from the environment, the key command and the folder, in this order for each key.

    `folder` None is the folder that `AXONFLOW_KEYS_DIR` names, if any. `ConfigError` where a key is
    missing or malformed, where others may read a file of the folder, or where the command fails.
    """
    if folder is None and environment.get(KEYS_DIR):
        folder = Path(environment[KEYS_DIR])

    def found(source: KeySource) -> tuple[bytes, ...]:
        text, place = _text_of(source, folder, environment, command)
        return _keys_in(text, source, place)

    return Keys(
        server=found(SERVER),
        signing=found(SIGNING)[0],
        verify=found(VERIFY),
        master=found(MASTER)[0],
    )


def make_keys(folder: Path) -> Keys:
    """Make a folder of mode 0700 with a new key in each of its files, of mode 0600.

    `ConfigError`, with nothing changed, where a file of it exists, or the folder cannot be made.
    """
    keys = throwaway_keys()
    texts = {SERVER: keys.server[0], SIGNING: keys.signing, MASTER: keys.master}
    for source in texts:
        if os.path.lexists(folder / source.file_name):
            raise ConfigError(
                f"{folder / source.file_name} exists, and no key is ever overwritten",
                hint="name another folder; records and secrets need the keys they were made with",
            )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        for source, key in texts.items():
            _write_new(folder / source.file_name, written(key) + "\n")
    except OSError as error:
        raise ConfigError(f"the keys cannot be written to {folder}: {error.strerror}") from None
    return keys


def rotate_signing_key(folder: Path) -> tuple[bytes, bytes]:
    """Put a new signing key into the folder of keys, and the public half of the one before among
    the keys that heads may be signed with. Returns the seeds of both, the new one first.

    Each file is replaced whole, the list first: wherever this ends, every head can be verified.
    `ConfigError` where the folder has no key, or cannot be written.
    """
    keys = load_keys(folder, {})
    new = secrets.token_bytes(KEY_BYTES)
    known = (public_key_of_seed(keys.signing), *keys.verify)
    try:
        _replace(folder / VERIFY.file_name, "\n".join(map(written, known)) + "\n")
        _replace(folder / SIGNING.file_name, written(new) + "\n")
    except OSError as error:
        raise ConfigError(f"the keys cannot be written to {folder}: {error.strerror}") from None
    return new, keys.signing


def public_key_of_seed(seed: bytes) -> bytes:
    """The public half of an Ed25519 key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def throwaway_keys() -> Keys:
    """New keys that are kept nowhere, for a server whose records end with it."""
    one, two, three = (secrets.token_bytes(KEY_BYTES) for _ in range(3))
    return Keys(server=(one,), signing=two, master=three)


def public_key_of(word: str) -> bytes:
    """A public key as `written`. `ConfigError` where it is none."""
    return _key_of(word.strip(), VERIFY, "the command line")


def written(key: bytes) -> str:
    """A key as it is written: base64url without padding."""
    return base64.urlsafe_b64encode(key).rstrip(b"=").decode()


def _write_new(path: Path, text: str) -> None:
    """Write a file that did not exist, readable by its owner alone from its first moment."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _replace(path: Path, text: str) -> None:
    """Put a file in the place of one that may be there, all at once."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    _write_new(new, text)
    new.replace(path)


# ── where a key is ────────────────────────────────────────────────────────────────────────────────


def _text_of(
    source: KeySource, folder: Path | None, environment: Mapping[str, str], command: str | None
) -> tuple[str, str]:
    """The text of a key and where it came from, in words; an empty text where it is nowhere."""
    twin = f"{source.variable}_FILE"
    if environment.get(source.variable) and environment.get(twin):
        raise ConfigError(f"{source.variable} and {twin} are both set", hint="unset one of them")
    if text := environment.get(source.variable):
        return text, source.variable
    if path := environment.get(twin):
        # Secrets that a container is given are often readable by every process in it, so the mode
        # of this file is the operator's affair.
        return _read(Path(path), f"the file of {twin}"), f"the file of {twin}"
    if command:
        return _output_of(command, source), "the output of the key command"
    if folder is not None:
        path_in_folder = folder / source.file_name
        if path_in_folder.exists():
            _require_private(path_in_folder)
            return _read(path_in_folder, str(path_in_folder)), str(path_in_folder)
    return "", str(folder) if folder else "the environment"


def _read(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_KEY_TEXT_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{name} cannot be read: {error.strerror}", hint=_MADE_BY) from None
    return _as_text(content, name)


def _as_text(content: bytes, place: str) -> str:
    if len(content) > MAX_KEY_TEXT_BYTES:
        raise ConfigError(f"{place} is longer than {MAX_KEY_TEXT_BYTES} bytes")
    try:
        return content.decode("ascii")
    except UnicodeDecodeError:
        raise ConfigError(f"{place} is not base64url") from None


def _require_private(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ConfigError(
            f"others than its owner may use {path}: its mode is {mode:04o}",
            hint=f"chmod 600 {shlex.quote(str(path))}",
        )


def _output_of(command: str, source: KeySource) -> str:
    """What the key command prints for one key. No shell reads it: the command is split as a shell
    splits words, and the key's name is its last argument."""
    try:
        process = subprocess.Popen(  # noqa: S603 - the operator's own setting
            [*shlex.split(command), source.name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise ConfigError(f"the key command cannot be run: {error}") from None
    content, is_late = _bounded_output(process)
    if is_late:
        raise ConfigError(
            f"the key command took longer than {COMMAND_TIMEOUT_S:g} s for {source.name}"
        )
    text = _as_text(content, "the output of the key command")
    if process.returncode:
        raise ConfigError(
            f"the key command ended with status {process.returncode} for {source.name}",
            hint=f"it is run as `COMMAND {source.name}` and prints the key as base64url",
        )
    return text


def _bounded_output(process: subprocess.Popen[bytes]) -> tuple[bytes, bool]:
    """What the process writes, no more than is read of a key, and whether its time was up. It has
    ended afterwards, and so have its children."""
    is_late = Event()

    def end() -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    def end_late() -> None:
        is_late.set()
        end()

    timer = Timer(COMMAND_TIMEOUT_S, end_late)
    timer.start()
    with process, cast(IO[bytes], process.stdout) as output:
        content = output.read(MAX_KEY_TEXT_BYTES + 1)
        if len(content) > MAX_KEY_TEXT_BYTES:
            end()
        process.wait()
    timer.cancel()
    return content, is_late.is_set()


# ── what a key is ─────────────────────────────────────────────────────────────────────────────────


def _keys_in(text: str, source: KeySource, place: str) -> tuple[bytes, ...]:
    words = re.split(r"[,\s]+", text.strip()) if text.strip() else []
    if not words and source.is_needed:
        raise ConfigError(f"there is no {source.name} key in {place}", hint=_MADE_BY)
    if len(words) > 1 and not source.is_list:
        raise ConfigError(f"{place} has {len(words)} words, and {source.name} is one key")
    return tuple(_key_of(word, source, place) for word in words if word)


def _key_of(word: str, source: KeySource, place: str) -> bytes:
    """The bytes of one key. Messages tell sizes and never what was written."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+={0,2}", word) or len(word.rstrip("=")) % 4 == 1:
        raise ConfigError(f"the {source.name} key in {place} is not base64url", hint=_FORM)
    bare = word.rstrip("=")
    key = base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    is_right = len(key) == KEY_BYTES or (source.is_longer_allowed and len(key) > KEY_BYTES)
    if not is_right:
        least = "at least " if source.is_longer_allowed else ""
        raise ConfigError(
            f"the {source.name} key in {place} has {len(key)} bytes; {least}{KEY_BYTES} are needed",
            hint=_FORM,
        )
    return key
