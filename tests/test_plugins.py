"""Finding, loading and explaining plugins: every case is a real distribution on disk, loaded by a
fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any, TypeAlias

import pytest
from on_time import GUARD_S

pytestmark = pytest.mark.sampled(3)  # every test starts a process

PROVIDERS = "axonflow.providers"
CODECS = "axonflow.codecs.zoo"

A_PROVIDER = """
    import attrs
    from axonflow_core import ProviderSpec, hookimpl

    @attrs.frozen
    class Settings:
        model: str = "x"

    @hookimpl
    def axonflow_register_provider():
        return ProviderSpec(name="zoo", display_name="Zoo", config_type=Settings, create=None)
"""
A_CODEC = """
    from axonflow_core import FamilyCodec, StopReason, NativeNames, hookimpl

    def unused(*_):
        raise NotImplementedError

    def codec(family):
        return FamilyCodec(
            family=family, models=(family,), features=frozenset(), documented=frozenset(),
            evidence="made up",
            stop_reasons=NativeNames({"end": StopReason.END_TURN}),
            encode_request=unused, decode_response=unused, stream_decoder=unused,
            decode_request=unused, encode_response=unused, stream_encoder=unused,
        )

    @hookimpl
    def axonflow_register_codec():
        return codec("FAMILY")
"""

Install: TypeAlias = Callable[..., None]


Run: TypeAlias = Callable[..., Any]


@pytest.fixture
def run(environment_of: Callable[..., Mapping[str, str]]) -> Run:
    """What `code` binds to `answer`, in an interpreter that sees the installed distributions."""

    def execute(code: str, environment: Mapping[str, str] | None = None) -> Any:
        script = f"import json, sys\n{dedent(code)}\nprint(json.dumps(answer))"
        finished = subprocess.run(
            [sys.executable, "-c", script],
            env=environment_of(environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=GUARD_S,
        )
        assert finished.returncode == 0, finished.stderr
        return json.loads(finished.stdout)

    return execute


@pytest.fixture
def provider_error(run: Run) -> Callable[..., str]:
    """The message and the fix that `load_provider` gives, or the name of what it returned."""

    def ask(name: str = "zoo", environment: Mapping[str, str] | None = None) -> str:
        code = f"""
            from axonflow_core.errors import ConfigError
            from axonflow_core.plugins import load_provider
            try:
                answer = load_provider({name!r}).display_name
            except ConfigError as error:
                answer = f"{{error.message}} | {{error.hint}}"
        """
        return str(run(code, environment))

    return ask


@pytest.fixture
def codecs(run: Run) -> Callable[..., dict[str, Any]]:
    """The families that serve, and state and reason of every plugin."""

    def load(environment: Mapping[str, str] | None = None) -> dict[str, Any]:
        code = """
            from axonflow_core.errors import PluginError
            from axonflow_core.plugins import load_codecs
            try:
                loaded = load_codecs("zoo")
                states = {
                    f"{s.plugin.name} of {s.plugin.distribution}": [s.state, s.reason]
                    for s in loaded.plugins
                }
                answer = {"families": loaded.registry.names, "states": states}
            except PluginError as error:
                answer = {"raised": error.message}
        """
        answer: dict[str, Any] = run(code, environment)
        return answer

    return load


Ask: TypeAlias = Callable[..., str]
Codecs: TypeAlias = Callable[..., dict[str, Any]]


BROKEN: Mapping[str, tuple[str, str]] = {
    "at import": ("raise RuntimeError('torn')", "importing {module} raised RuntimeError: torn"),
    "by a missing module": (
        "import no_such_module",
        "raised ModuleNotFoundError: No module named 'no_such_module'",
    ),
    "by a syntax error": ("def", "raised SyntaxError"),
    "by leaving the process": ("raise SystemExit(7)", "importing {module} raised SystemExit: 7"),
    "at registration": (
        "from axonflow_core import hookimpl\n@hookimpl\ndef <hook>():\n    raise KeyError('torn')",
        "<hook>() raised KeyError: 'torn'",
    ),
    "by leaving at registration": (
        "from axonflow_core import hookimpl\n@hookimpl\ndef <hook>():\n    raise SystemExit",
        "<hook>() raised SystemExit",
    ),
    "by a misspelt hook": (
        "from axonflow_core import hookimpl\n@hookimpl\ndef axonflow_registr_codec(): pass",
        "unknown hook 'axonflow_registr_codec'",
    ),
    "by an argument that the hook does not have": (
        "from axonflow_core import hookimpl\n@hookimpl\ndef <hook>(registry): pass",
        "Argument(s) {{'registry'}} are declared in the hookimpl but can not be found in the "
        "hookspec",
    ),
    "by registering nothing": (
        "def <hook>(): pass",
        "registers nothing: {module} does not implement <hook>",
    ),
    "by returning something else": (
        "from axonflow_core import hookimpl\n@hookimpl\ndef <hook>():\n    return 5",
        "<hook>() returned int, not",
    ),
    "by a strange version": ("AXONFLOW_HOOK_API = '1'", "sets AXONFLOW_HOOK_API = '1'"),
}


# ── providers ─────────────────────────────────────────────────────────────────────────────────────


def test_an_installed_provider_loads(install: Install, provider_error: Ask) -> None:
    install("axonflow-zoo", PROVIDERS, A_PROVIDER)
    assert provider_error() == "Zoo"


def test_a_missing_provider_is_answered_with_the_pip_line(provider_error: Ask) -> None:
    said = provider_error()
    assert said.startswith("no installed plugin offers the provider zoo; installed: ")
    assert said.endswith(" | install the package that offers it")


def test_a_misspelt_provider_is_answered_with_the_nearest_name(
    install: Install, provider_error: Ask
) -> None:
    install("axonflow-zoo", PROVIDERS, A_PROVIDER)
    assert "did you mean `zoo`? Otherwise install the package that offers it" in provider_error(
        "zo"
    )


@pytest.mark.parametrize("how", BROKEN)
def test_a_provider_that_is_broken_is_named_with_its_distribution(
    install: Install, provider_error: Ask, how: str
) -> None:
    code, message = BROKEN[how]
    install("axonflow-zoo", PROVIDERS, code.replace("<hook>", "axonflow_register_provider"))
    said = provider_error()
    assert (
        message.format(module="axonflow_zoo").replace("<hook>", "axonflow_register_provider")
        in said
    )
    assert "zoo (axonflow-zoo 1.2)" in said


def test_an_interrupt_is_the_users_and_not_the_plugins(install: Install, run: Run) -> None:
    install("axonflow-zoo", PROVIDERS, "raise KeyboardInterrupt")
    code = """
        from axonflow_core.plugins import load_provider
        try:
            load_provider("zoo")
        except KeyboardInterrupt:
            answer = "interrupted"
    """
    assert run(code) == "interrupted"


HANGING = {
    "at import": ("import time; time.sleep(60)", "importing {module} has not ended within 0.3 s"),
    "at registration": (
        "import time\nfrom axonflow_core import hookimpl\n"
        "@hookimpl\ndef <hook>():\n    time.sleep(60)",
        "<hook>() has not ended within 0.3 s",
    ),
}
IMPATIENT = {"AXONFLOW_PLUGIN_LIMIT_S": "0.3"}


@pytest.mark.parametrize("how", HANGING)
def test_a_provider_that_hangs_is_named_with_its_distribution_and_what_helps(
    install: Install, provider_error: Ask, how: str
) -> None:
    code, message = HANGING[how]
    hook = "axonflow_register_provider"
    install("axonflow-zoo", PROVIDERS, code.replace("<hook>", hook))

    said = provider_error(environment=IMPATIENT)

    assert message.format(module="axonflow_zoo").replace("<hook>", hook) in said
    assert "the plugin zoo (axonflow-zoo 1.2) hangs" in said
    assert "AXONFLOW_BLOCK_PLUGINS=zoo; if it is only slow, set AXONFLOW_PLUGIN_LIMIT_S" in said


def test_a_package_that_hangs_is_waited_for_once_and_told_each_time(
    install: Install, run: Run, tmp_path: Path
) -> None:
    install("axonflow-zoo", PROVIDERS, "", point="zoo")
    (tmp_path / "axonflow_zoo.py").unlink()
    (tmp_path / "axonflow_zoo").mkdir()
    (tmp_path / "axonflow_zoo" / "__init__.py").write_text("import time; time.sleep(60)")
    (tmp_path / "axonflow_zoo" / "plugin.py").write_text("")
    points = tmp_path / "axonflow_zoo-1.2.dist-info" / "entry_points.txt"
    points.write_text(f"[{PROVIDERS}]\nzoo = axonflow_zoo.plugin\n")
    code = """
        import threading
        from axonflow_core.errors import PluginError
        from axonflow_core.plugins import load_provider
        answer = []
        for _ in range(2):
            try:
                load_provider("zoo")
            except PluginError as error:
                answer.append("hangs" in error.message)
        answer.append([thread.name for thread in threading.enumerate()][1:])
    """
    assert run(code, IMPATIENT) == [True, True, ["axonflow plugin zoo"]]


def test_a_plugin_of_the_package_that_opens_a_runtime_is_loaded_while_that_is_imported(
    install: Install, run: Run, tmp_path: Path
) -> None:
    install("axonflow-zoo", PROVIDERS, "", point="zoo")
    (tmp_path / "axonflow_zoo.py").unlink()
    (tmp_path / "axonflow_zoo").mkdir()
    opening = 'from axonflow_core.plugins import load_provider\nNAME = load_provider("zoo").name'
    (tmp_path / "axonflow_zoo" / "__init__.py").write_text(opening)
    (tmp_path / "axonflow_zoo" / "plugin.py").write_text(dedent(A_PROVIDER))
    points = tmp_path / "axonflow_zoo-1.2.dist-info" / "entry_points.txt"
    points.write_text(f"[{PROVIDERS}]\nzoo = axonflow_zoo.plugin\n")

    in_time = {"AXONFLOW_PLUGIN_LIMIT_S": "20"}  # as long as nobody waits for the other
    assert run("from axonflow_zoo import NAME as answer", in_time) == "zoo"


@pytest.mark.parametrize("limit", ["0", "-1", "nan", "inf", "soon", "1e400"])
def test_a_limit_that_is_none_is_refused(install: Install, provider_error: Ask, limit: str) -> None:
    install("axonflow-zoo", PROVIDERS, A_PROVIDER)

    said = provider_error(environment={"AXONFLOW_PLUGIN_LIMIT_S": limit})

    assert said == f"AXONFLOW_PLUGIN_LIMIT_S is {limit!r} | write a number of seconds above 0: 60"


def test_two_distributions_that_offer_one_provider_are_both_named(
    install: Install, provider_error: Ask
) -> None:
    install("axonflow-zoo", PROVIDERS, A_PROVIDER)
    install("other-zoo", PROVIDERS, A_PROVIDER, version="3")
    said = provider_error()
    assert "two distributions offer the provider zoo: axonflow-zoo 1.2 and other-zoo 3" in said
    assert provider_error(environment={"AXONFLOW_BLOCK_PLUGINS": "other_zoo"}) == "Zoo"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ((2, 0), "needs hook API 2.0; this is 1.0 | pip install --upgrade axonflow-core"),
        ((1, 1), "needs hook API 1.1; this is 1.0 | pip install --upgrade axonflow-core"),
        ((0, 9), "needs hook API 0.9; this is 1.0 | pip install --upgrade axonflow-zoo"),
        ((1, 0), "Zoo"),
    ],
)
def test_a_plugin_may_say_which_hooks_it_needs(
    install: Install, provider_error: Ask, written: tuple[int, int], message: str
) -> None:
    install("axonflow-zoo", PROVIDERS, dedent(A_PROVIDER) + f"\nAXONFLOW_HOOK_API = {written}\n")
    assert message in provider_error()


@pytest.mark.parametrize("names", ["zoo", " zoo , x", "x,ZOO", "axonflow_zoo"])
def test_a_blocked_provider_does_not_load(
    install: Install, provider_error: Ask, names: str
) -> None:
    install("axonflow-zoo", PROVIDERS, A_PROVIDER)
    said = provider_error(environment={"AXONFLOW_BLOCK_PLUGINS": names})
    assert said.startswith("the provider zoo is blocked")


def test_our_own_providers_can_be_blocked_too(provider_error: Ask) -> None:
    assert provider_error("echo") == "Echo"
    assert "is blocked" in provider_error("echo", {"AXONFLOW_BLOCK_PLUGINS": "echo"})


# ── codecs ────────────────────────────────────────────────────────────────────────────────────────


def test_a_codec_that_hangs_is_marked_and_the_others_serve(
    install: Install, codecs: Codecs
) -> None:
    install("lions", CODECS, A_CODEC.replace("FAMILY", "lion"), point="lion")
    install("tigers", CODECS, "import time; time.sleep(60)", point="tiger")

    loaded = codecs({"AXONFLOW_PLUGIN_LIMIT_S": "2"})  # time for the lions on a busy machine

    assert loaded["families"] == ["lion"]
    assert "hangs: importing tigers has not ended" in loaded["states"]["tiger of tigers"][1]


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_codec_is_marked_and_the_others_serve(
    install: Install, codecs: Codecs, how: str
) -> None:
    code, message = BROKEN[how]
    install("lions", CODECS, A_CODEC.replace("FAMILY", "lion"), point="lion")
    install("tigers", CODECS, code.replace("<hook>", "axonflow_register_codec"), point="tiger")
    loaded = codecs()
    assert loaded["families"] == ["lion"]
    assert loaded["states"]["lion of lions"] == ["loaded", ""]
    state, reason = loaded["states"]["tiger of tigers"]
    assert state == "failed"
    assert message.format(module="tigers").replace("<hook>", "axonflow_register_codec") in reason


def test_strict_plugins_stop_at_a_broken_codec(install: Install, codecs: Codecs) -> None:
    install("lions", CODECS, A_CODEC.replace("FAMILY", "lion"), point="lion")
    install("tigers", CODECS, "raise RuntimeError('torn')", point="tiger")
    loaded = codecs({"AXONFLOW_STRICT_PLUGINS": "1"})
    assert "importing tigers raised RuntimeError: torn" in loaded["raised"]


def test_an_incompatible_codec_is_told_from_a_failed_one(install: Install, codecs: Codecs) -> None:
    install("tigers", CODECS, "AXONFLOW_HOOK_API = (2, 0)", point="tiger")
    assert codecs()["states"]["tiger of tigers"][0] == "incompatible"


def test_one_name_from_two_distributions_serves_from_neither(
    install: Install, codecs: Codecs
) -> None:
    install("lions", CODECS, A_CODEC.replace("FAMILY", "lion"), point="lion")
    install("tigers", CODECS, A_CODEC.replace("FAMILY", "tiger"), point="tiger")
    install(
        "tigers-two", CODECS, A_CODEC.replace("FAMILY", "tigress"), point="tiger", version="2.0"
    )
    loaded = codecs()
    assert loaded["families"] == ["lion"]
    for distribution in ("tigers", "tigers-two"):
        state, reason = loaded["states"][f"tiger of {distribution}"]
        assert state == "failed"
        assert (
            "two distributions offer the codec plugin tiger: tigers 1.2 and tigers-two 2.0"
            in reason
        )


def test_one_family_from_two_entry_points_serves_from_neither(
    install: Install, codecs: Codecs
) -> None:
    install("lions", CODECS, A_CODEC.replace("FAMILY", "lion"), point="lion")
    install("tigers", CODECS, A_CODEC.replace("FAMILY", "lion"), point="tiger")
    loaded = codecs()
    assert loaded["families"] == []
    assert "two distributions offer a codec for lion on invoke: lions 1.2 and tigers 1.2" in str(
        loaded["states"]
    )


def test_a_blocked_codec_settles_a_conflict(install: Install, codecs: Codecs) -> None:
    install("lions", CODECS, A_CODEC.replace("FAMILY", "lion"), point="lion")
    install("tigers", CODECS, "import sys; sys.exit('imported')", point="lion")
    loaded = codecs({"AXONFLOW_BLOCK_PLUGINS": "tigers"})
    assert loaded["families"] == ["lion"]
    assert loaded["states"]["lion of tigers"][0] == "blocked"


def test_a_plugin_may_register_several_codecs(install: Install, codecs: Codecs) -> None:
    code = A_CODEC.replace('codec("FAMILY")', '[codec("lion"), codec("tiger")]')
    install("cats", CODECS, code, point="cats")
    assert codecs()["families"] == ["lion", "tiger"]


# ── codecs on demand ──────────────────────────────────────────────────────────────────────────────

ON_DEMAND = """
    from axonflow_core import FamilyCodec, PluginError, UndetectedFamily
    from axonflow_core.codec.registry import Claim
    from axonflow_core.plugins import codecs_on_demand
    claims = {"lions": [Claim("model", "lion", "invoke", ("lion",))]}
    try:
        registry = codecs_on_demand("zoo", claims)
        answer = [registry.names, "lions" in sys.modules]
        registry.for_base_id("WANTED")
    except UndetectedFamily:
        answer.append("undetected")
    except PluginError as error:
        answer = error.message
    else:
        answer.append("lions" in sys.modules)
"""


def test_a_codec_with_a_claim_is_imported_when_a_model_asks_for_it(
    install: Install, run: Run
) -> None:
    install("lions", CODECS, A_CODEC.replace("FAMILY", "lion"), point="lion")
    install("tigers", CODECS, A_CODEC.replace("FAMILY", "tiger"), point="tiger")
    assert run(ON_DEMAND.replace("WANTED", "tiger-1")) == [["lion", "tiger"], False, False]
    assert run(ON_DEMAND.replace("WANTED", "lion-1")) == [["lion", "tiger"], False, True]


def test_a_claim_that_another_plugin_makes_too_is_served_by_neither(
    install: Install, run: Run
) -> None:
    install("lions", CODECS, A_CODEC.replace("FAMILY", "lion"), point="lion")
    install("tigers", CODECS, A_CODEC.replace("FAMILY", "lion"), point="tiger")
    assert run(ON_DEMAND.replace("WANTED", "lion-1")) == [[], True, "undetected"]


def test_a_codec_that_is_broken_when_it_is_asked_for_is_left_out(
    install: Install, run: Run
) -> None:
    install("lions", CODECS, "raise RuntimeError('torn')", point="lion")
    assert run(ON_DEMAND.replace("WANTED", "lion-1")) == [["lion"], False, "undetected"]


def test_strict_plugins_are_all_imported_at_once(install: Install, run: Run) -> None:
    install("lions", CODECS, "raise RuntimeError('torn')", point="lion")
    said = run(ON_DEMAND.replace("WANTED", "lion-1"), {"AXONFLOW_STRICT_PLUGINS": "1"})
    assert "importing lions raised RuntimeError: torn" in said


# ── states ────────────────────────────────────────────────────────────────────────────────────────

STATES = """
    from axonflow_core.plugins import plugin_states
    states = {f"{s.plugin.group} {s.plugin.name}": s.state for s in plugin_states(ENABLED)}
    answer = states, [name for name in sys.modules if name in ("axonflow_zoo", "decoy", "lions")]
"""


def test_what_is_not_enabled_is_available_and_not_imported(install: Install, run: Run) -> None:
    install("axonflow-zoo", PROVIDERS, A_PROVIDER)
    install("lions", CODECS, A_CODEC.replace("FAMILY", "lion"), point="lion")
    install("decoy", PROVIDERS, "import sys; sys.exit('imported')", point="decoy")
    states, imported = run(STATES.replace("ENABLED", "['echo']"))
    assert states[f"{PROVIDERS} echo"] == "loaded"
    assert (
        states[f"{PROVIDERS} zoo"]
        == states[f"{PROVIDERS} decoy"]
        == states[f"{CODECS} lion"]
        == "available"
    )
    assert imported == []


def test_an_enabled_provider_is_loaded_with_its_codecs(install: Install, run: Run) -> None:
    install("axonflow-zoo", PROVIDERS, A_PROVIDER)
    install("lions", CODECS, A_CODEC.replace("FAMILY", "lion"), point="lion")
    states, imported = run(STATES.replace("ENABLED", "['zoo']"))
    assert states[f"{PROVIDERS} zoo"] == states[f"{CODECS} lion"] == "loaded"
    assert sorted(imported) == ["axonflow_zoo", "lions"]


def test_a_broken_provider_is_listed_even_where_everything_is_strict(
    install: Install, run: Run
) -> None:
    install("axonflow-zoo", PROVIDERS, "raise RuntimeError")
    states, _ = run(STATES.replace("ENABLED", "['zoo']"), {"AXONFLOW_STRICT_PLUGINS": "1"})
    assert states[f"{PROVIDERS} zoo"] == "failed"


def test_a_configuration_imports_only_what_it_enables(
    tmp_path: Path, install: Install, run: Run
) -> None:
    install("axonflow-zoo", PROVIDERS, A_PROVIDER)
    install("decoy", PROVIDERS, "import sys; sys.exit('imported')", point="decoy")
    (tmp_path / "axonflow.yaml").write_text(
        "version: '1.0'\nllm_providers: {zoo: {enabled: yes}, decoy: {enabled: no}, decoy2: {type: "
        "decoy}}"
    )
    code = f"""
        from pathlib import Path
        from axonflow_core import load_config
        load_config(Path({str(tmp_path)!r}) / "axonflow.yaml")
        answer = [name for name in sys.modules if name in ("axonflow_zoo", "decoy")]
    """
    assert run(code) == ["axonflow_zoo"]


def test_the_environment_alone_imports_only_what_it_speaks_to(
    tmp_path: Path, install: Install, run: Run
) -> None:
    install(
        "axonflow-zoo",
        PROVIDERS,
        A_PROVIDER.replace(
            "create=None",
            'create=None, config_from_environment=lambda e: {"model": e["ZOO_MODEL"]}',
        ),
    )
    install("decoy", PROVIDERS, "import sys; sys.exit('imported')", point="decoy")
    code = f"""
        from pathlib import Path
        from axonflow_core import load_config
        config = load_config(folder=Path({str(tmp_path)!r}))
        imported = [name for name in sys.modules if name in ("axonflow_zoo", "decoy")]
        answer = list(config.enabled), imported
    """
    assert run(code, {"ZOO_MODEL": "lion"}) == [["zoo"], ["axonflow_zoo"]]


def test_threads_that_open_at_once_all_get_the_plugin(install: Install, run: Run) -> None:
    install("axonflow-zoo", PROVIDERS, f"import time; time.sleep(0.1)\n{dedent(A_PROVIDER)}")
    code = """
        from concurrent.futures import ThreadPoolExecutor
        from axonflow_core.plugins import load_provider
        with ThreadPoolExecutor(8) as pool:
            answer = [spec.name for spec in pool.map(load_provider, ["zoo"] * 8)]
    """
    assert run(code) == ["zoo"] * 8
