"""What every test of the project shares: how thorough Hypothesis is, where recorded traffic is, and
the search for secrets in what tests show (`tests/planted.py`).

The profile is `quick` (few examples) or, where CI is set, `thorough` (many); both draw the same in
every run, so that a run that fails, fails again. `search` draws others each time.
HYPOTHESIS_PROFILE chooses.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from _pytest.assertion import rewrite
from hypothesis import settings
from hypothesis.internal.conjecture import providers

# Compiled modules are kept, even where the environment asks that they are not, as images of
# containers do: each process that a test starts would compile the core anew, and each worker all
# tests. Tests of mutants keep none: a mutant may be as long and as old as what it replaces.
if "AXONFLOW_MUTANT" not in os.environ:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False

pytest_plugins = ["planted", "fault_score", "postgres_server", "late_machine"]

ROOT = Path(__file__).parent
MISSING_PLUGINS = tuple(
    str(folder.relative_to(ROOT))
    for folder in sorted(ROOT.glob("plugins/*"))
    if find_spec(folder.name.replace("-", "_")) is None
)
HAS_BEDROCK = find_spec("axonflow_bedrock") is not None
HAS_SERVER = find_spec("sqlalchemy") is not None
_WITH_BEDROCK = ("tests/together", "tests/clients")
_OF_SERVER = (
    *("tests/server", "tests/audit", "tests/governance", "tests/policy", "tests/sdk"),
    "tests/budgets",
)
collect_ignore = [
    *MISSING_PLUGINS,
    *(() if HAS_BEDROCK else _WITH_BEDROCK),
    *(() if HAS_SERVER else _OF_SERVER),
]


def pytest_report_header() -> list[str]:
    lacking = {
        "not installed": MISSING_PLUGINS,
        "axonflow-bedrock is not installed": () if HAS_BEDROCK else _WITH_BEDROCK,
        "the extra `server` is not installed": () if HAS_SERVER else _OF_SERVER,
    }
    return [f"{why}: left out are {', '.join(which)}" for why, which in lacking.items() if which]


def pytest_configure() -> None:
    """A shell that runs the tests in the background has SIGINT ignored for them; what Ctrl-C does
    is tested too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_auto_num_workers() -> int:
    """One worker more than cores: tests of time limits mostly wait."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All but each n-th of what has the mark `sampled(n)` is thorough: of the cases of a test, or
    of the tests of a module. Where it is `sampled(n, m)`, all but each m-th is exhaustive."""
    counts = Counter[str]()
    for item in items:
        for node, sampled in item.iter_markers_with_node("sampled"):
            marked = item.nodeid.partition("[")[0] if node is item else node.nodeid
            quick, thorough = (*sampled.args, 1)[:2]
            if counts[marked] % quick:
                item.add_marker("exhaustive" if counts[marked] % thorough else "thorough")
            counts[marked] += 1


def pytest_sessionstart(session: pytest.Session) -> None:
    """All workers collect the same tests in the same order, so that each would rewrite the asserts
    of all modules of a clean clone. They share that: each writes its part for the others."""
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if count == 1 or sys.dont_write_bytecode:
        return
    number = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
    asked = [ROOT / argument.partition("::")[0] for argument in session.config.args]
    modules = (module for each in asked for module in sorted(each.rglob("test_*.py")))
    for module in islice(modules, number, None, count):
        keep_rewritten(module, session.config)


def keep_rewritten(module: Path, config: pytest.Config) -> None:
    """What pytest does as it imports a test module, which it has no public name for."""
    folder = rewrite.get_cache_dir(module)
    kept = folder / (module.name.removesuffix(".py") + rewrite.PYC_TAIL)
    if not kept.exists() and rewrite.try_makedirs(folder):
        source, code = rewrite._rewrite_test(module, config)
        rewrite._write_pyc(config.stash[rewrite.assertstate_key], code, source, kept)


def pytest_collection() -> None:
    """Next to nothing of what is imported and collected is garbage; none is searched for."""
    gc.disable()


def pytest_collection_finish() -> None:
    """What is imported and collected stays to the end. Frozen, it is not searched by each of the
    garbage collections that tests ask for: 0.2 s apiece."""
    gc.collect()
    gc.freeze()
    gc.enable()


# Hypothesis also draws the literals of the project's modules that are imported so far, which differ
# with the order of the tests. It has no setting that leaves them out.
providers._get_local_constants = lambda: providers._local_constants

settings.register_profile("quick", max_examples=15, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=20, deadline=None, derandomize=True)
settings.register_profile("search", max_examples=500, deadline=None)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("thorough" if os.environ.get("CI") else "quick")
)


@pytest.fixture(scope="session", autouse=True)
def nowhere_is_nowhere() -> Iterator[None]:
    """The name nowhere.invalid is found by nobody (RFC 6761, section 6.4), and nobody is asked for
    it: whom this machine asks may be late."""
    find = socket.getaddrinfo

    def found(host: Any, *arguments: Any, **options: Any) -> Any:
        if str(host) == "nowhere.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return find(host, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", found)
        yield


@pytest.fixture
def own_log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is logged in this test. What others left behind complains before it begins."""
    gc.collect()
    caplog.clear()
    return caplog


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of recorded traffic. It is third-party data, so it is not part of the project."""
    folder = os.environ.get("AXONFLOW_RECORDINGS")
    if not folder:
        pytest.skip("recorded traffic is checked where AXONFLOW_RECORDINGS names a folder of it")
    return Path(folder)
