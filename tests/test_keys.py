"""Where a server's keys come from, and what is refused."""

from __future__ import annotations

import base64
import stat
import sys
from pathlib import Path

import pytest

from axonflow_core import keys as module
from axonflow_core.errors import ConfigError
from axonflow_core.keys import Keys, load_keys, make_keys, throwaway_keys, written

A, B, C, D = (bytes([number]) * 32 for number in range(4))
WRITTEN = {"AXONFLOW_SERVER_KEY": f"{written(A)},{written(B)}"}
ALL = {
    **WRITTEN,
    "AXONFLOW_AUDIT_SIGNING_KEY": written(C),
    "AXONFLOW_AUDIT_MASTER_KEY": written(D),
}


def test_keys_that_were_made_are_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    made = make_keys(folder)
    assert load_keys(folder, {}) == made
    assert load_keys(None, {"AXONFLOW_KEYS_DIR": str(folder)}) == made
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_no_key_is_overwritten(tmp_path: Path) -> None:
    make_keys(tmp_path)
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    (tmp_path / "server.key").unlink()
    with pytest.raises(ConfigError, match="no key is ever overwritten"):
        make_keys(tmp_path)
    before.pop("server.key")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before


def test_variables_have_every_key() -> None:
    keys = load_keys(None, {**ALL, "AXONFLOW_AUDIT_VERIFY_KEYS": f"{written(A)}\n{written(B)}"})
    assert keys == Keys(server=(A, B), signing=C, master=D, verify=(A, B))


def test_a_variable_wins_over_the_command_and_that_over_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    made = make_keys(folder)
    command = command_that(tmp_path, f"print('{written(B)}' if name == 'audit-master' else '')")
    with pytest.raises(ConfigError, match="no audit-signing key in the output"):
        load_keys(folder, WRITTEN, command)
    environment = {**WRITTEN, "AXONFLOW_AUDIT_SIGNING_KEY": written(C)}
    assert load_keys(folder, environment, command).master == B
    keys = load_keys(folder, environment)
    assert (keys.server, keys.signing, keys.master) == ((A, B), C, made.master)


def test_a_twin_names_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(written(D) + "\n")
    environment = {**ALL, "AXONFLOW_AUDIT_MASTER_KEY_FILE": str(tmp_path / "secret")}
    with pytest.raises(ConfigError, match="are both set"):
        load_keys(None, environment)
    del environment["AXONFLOW_AUDIT_MASTER_KEY"]
    assert load_keys(None, environment).master == D
    (tmp_path / "secret").unlink()
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_keys(None, environment)


@pytest.mark.parametrize("name", ALL)
def test_a_missing_key_names_the_command_that_makes_it(name: str) -> None:
    with pytest.raises(ConfigError, match=r"there is no [a-z-]+ key in the environment") as caught:
        load_keys(None, {**ALL, name: ""})
    assert "axonflow keys init DIR" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("AXONFLOW_SERVER_KEY", written(b"short"), "has 5 bytes; at least 32 are needed"),
        ("AXONFLOW_AUDIT_MASTER_KEY", written(b"x" * 33), "has 33 bytes; 32 are needed"),
        ("AXONFLOW_AUDIT_MASTER_KEY", f"{written(A)},{written(B)}", "has 2 words"),
        ("AXONFLOW_AUDIT_SIGNING_KEY", "?" * 43, "is not base64url"),
        ("AXONFLOW_AUDIT_SIGNING_KEY", "+/" * 22, "is not base64url"),
        ("AXONFLOW_AUDIT_VERIFY_KEYS", "AA", "has 1 bytes"),
    ],
)
def test_what_is_no_key_is_refused_without_showing_it(name: str, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_keys(None, {**ALL, name: text})
    assert said in str(caught.value)
    assert "2 words" in said or "43 characters" in str(caught.value.hint)
    assert text not in f"{caught.value} {caught.value.hint}"


def test_a_longer_server_key_is_taken_with_padding_too() -> None:
    padded = base64.urlsafe_b64encode(b"k" * 40).decode()
    assert padded.endswith("=")
    assert load_keys(None, {**ALL, "AXONFLOW_SERVER_KEY": padded}).server == (b"k" * 40,)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    make_keys(tmp_path)
    (tmp_path / "audit-master.key").chmod(mode)
    with pytest.raises(ConfigError, match="others than its owner") as caught:
        load_keys(tmp_path, {})
    assert str(caught.value.hint).startswith("chmod 600 ")


def test_nothing_of_a_key_is_in_a_repr() -> None:
    keys = throwaway_keys()
    shown = f"{keys!r} {keys}"
    assert shown == "Keys() Keys()"


# ── the key command ───────────────────────────────────────────────────────────────────────────────


def command_that(folder: Path, code: str) -> str:
    """A key command that runs a line of Python, which knows the key's `name`."""
    script = folder / "key command.py"
    script.write_text(f"import sys\nname = sys.argv[1]\n{code}\n")
    return f"{sys.executable} '{script}'"


def test_the_command_prints_the_key_that_it_is_given_the_name_of(tmp_path: Path) -> None:
    code = "import base64; print(base64.urlsafe_b64encode(name.encode().ljust(32)).decode())"
    keys = load_keys(None, {}, command_that(tmp_path, code))
    assert keys.server == (b"server".ljust(32),)
    assert keys.master == b"audit-master".ljust(32)
    assert keys.verify == (b"audit-verify".ljust(32),)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("sys.exit(3)", "ended with status 3 for server"),
        ("print('k' * 1_000_000)", "longer than 16384 bytes"),
        ("sys.stdout.buffer.write(b'\\xff')", "is not base64url"),
    ],
)
def test_a_command_that_fails_is_named(tmp_path: Path, code: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_keys(None, {}, command_that(tmp_path, code))


@pytest.mark.parametrize("command", ["/no/such/command", "'"])
def test_a_command_that_cannot_be_run_is_refused(command: str) -> None:
    with pytest.raises(ConfigError, match="cannot be run"):
        load_keys(None, {}, command)


def test_no_shell_reads_the_command(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        load_keys(None, {}, f"true; touch {tmp_path}/made")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.thorough
def test_a_command_that_never_ends_is_ended_with_its_children(tmp_path: Path) -> None:
    code = "import subprocess; subprocess.run(['sleep', '300'])"
    with pytest.raises(ConfigError, match=f"longer than {module.COMMAND_TIMEOUT_S:g} s"):
        load_keys(None, {}, command_that(tmp_path, code))
