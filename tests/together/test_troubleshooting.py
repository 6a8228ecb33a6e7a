"""docs/troubleshooting.md and `axonflow explain error` say what the tables say, and each code has
its entry."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from on_time import GUARD_S

from axonflow_bedrock.config import BedrockConfig
from axonflow_bedrock.errors.page import WITHOUT_A_REFUSAL, error_catalogue
from axonflow_bedrock.errors.table import TABLE
from axonflow_core import errors
from axonflow_core.calls.settings import CommonSettings
from axonflow_core.cli.explain import installed_catalogues
from axonflow_core.cli.troubleshooting import OWN_CODES, Catalogue, page
from axonflow_core.http.asgi import CLIENT_CLOSED
from axonflow_core.plugin_spec import ErrorEntry
from axonflow_core.routing.run import OUTRUN
from axonflow_core.server.endpoints.health import AUDIT_UNAVAILABLE

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
CORE = Path(errors.__file__).parent
ISSUES = [
    "AccessDeniedException",
    "ValidationException on the model id",
    "High latency, above 2 seconds",
    "ValidationException on newer Anthropic models",
    "Empty response",
]


def explained(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "axonflow_core.cli", "explain", "error", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=GUARD_S)


def branches(error: type[errors.AxonFlowError]) -> Iterator[type[errors.AxonFlowError]]:
    yield error
    for below in error.__subclasses__():
        yield from branches(below)


def test_the_page_is_what_the_tables_say() -> None:
    said = "`axonflow explain error --markdown > docs/troubleshooting.md` makes it again"
    assert PAGE.read_text("utf-8") == page(installed_catalogues()), said


def test_an_entry_that_the_page_lacks_is_seen() -> None:
    first, *others = installed_catalogues()
    more = ErrorEntry(code="throttled", cause="the moon is full", fix="wait")
    longer = Catalogue(first.provider, (*first.entries, more))
    assert PAGE.read_text("utf-8") != page([longer, *others])


def test_every_code_of_the_error_tree_is_explained() -> None:
    codes = {
        error.code
        for error in branches(errors.AxonFlowError)
        if error.__module__ == errors.__name__
    }
    of_the_server = {CLIENT_CLOSED, AUDIT_UNAVAILABLE, OUTRUN, "budget_exceeded", "rate_limited"}
    assert codes | {"bug"} | of_the_server == OWN_CODES.keys()


def test_the_five_issues_of_the_product_page_come_first_in_their_order() -> None:
    assert [entry.issue for entry in error_catalogue()][:6] == [*ISSUES, ""]
    text = PAGE.read_text("utf-8")
    places = [text.index(f"| {issue} |") for issue in ISSUES]
    assert places == sorted(places)
    assert places[-1] < text.index("AxonFlow's own codes")


def test_every_row_of_the_table_has_an_entry_and_no_hole() -> None:
    entries = error_catalogue()[len(ISSUES) : -len(WITHOUT_A_REFUSAL)]
    assert [entry.code for entry in entries] == [row.error.code for row in TABLE]
    assert [
        entry
        for entry in entries
        if "{model}" in entry.cause + entry.fix or "{region}" in entry.fix
    ] == []


@pytest.mark.parametrize(
    "code", sorted({*OWN_CODES, *(name for row in TABLE for name in row.codes)})
)
def test_a_code_that_can_be_shown_can_be_asked_for(code: str) -> None:
    assert f"`{code}`" in PAGE.read_text("utf-8")


def test_a_code_is_explained_with_every_case_of_it() -> None:
    finished = explained("profile_required")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.startswith("profile_required: ")
    assert "Retry your request with the ID or ARN of an inference profile" in finished.stdout
    assert "us.anthropic.claude-sonnet-4-20250514-v1:0" in finished.stdout


def test_the_providers_own_name_will_do_whatever_its_case() -> None:
    finished = explained("accessdeniedexception")
    assert finished.returncode == 0
    assert "bedrock:InvokeModel" in finished.stdout


@pytest.mark.parametrize(
    ("code", "nearest"),
    [("throtled", "`throttled`"), ("AccesDeniedException", "`AccessDeniedException`")],
)
def test_an_unknown_code_names_the_nearest(code: str, nearest: str) -> None:
    finished = explained(code)
    assert (finished.returncode, finished.stdout) == (2, "")
    assert f"there is no error code `{code}`; did you mean {nearest}?" in finished.stderr


def test_without_a_code_the_codes_are_listed() -> None:
    said = explained().stdout
    assert [code for code in OWN_CODES if f"\n{code} " not in said] == []


def keys_in(text: str) -> set[str]:
    """The keys of YAML that a text names: `key:`."""
    return set(re.findall(r"`(\w+):", text))


def keys_of_bedrock_alone() -> set[str]:
    own, common = attrs.fields_dict(BedrockConfig), attrs.fields_dict(CommonSettings)
    return own.keys() - common.keys()


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=lambda path: path.name)
def test_the_core_names_no_key_of_a_plugin(path: Path) -> None:
    assert keys_in(path.read_text("utf-8")) & keys_of_bedrock_alone() == set()


def test_the_plugin_names_its_keys_for_the_errors_that_they_mend() -> None:
    for code in ("family_not_detected", "undecodable"):
        fixes = [entry.fix for entry in error_catalogue() if entry.code == code]
        assert {"family", "base_model"} <= keys_in(fixes[-1]) & keys_of_bedrock_alone()


def test_a_page_is_of_all_codes() -> None:
    assert explained("throttled", "--markdown").returncode == 2
