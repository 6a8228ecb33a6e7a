"""What the file and the environment say of routing, and every fault with its place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from axonflow_core.config import Config, FaultyConfig, enabled_plugins, load_config
from axonflow_core.messages import CompletionRequest, user
from axonflow_core.routing.rules import Hedge, NamedTarget, RoutingRules, Shadow, Strategy
from axonflow_core.runtime import Runtime

FILE = """\
version: "1.0"
llm_providers:
  a: {enabled: true, type: echo, priority: 9}
  b: {enabled: true, type: echo, weight: 0.25}
  off: {type: echo}
"""


def load(folder: Path, more: str = "", environment: Mapping[str, str] | None = None) -> Config:
    path = folder / "axonflow.yaml"
    path.write_text(FILE + more)
    return load_config(path, environment or {})


def faults(folder: Path, more: str, environment: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(FaultyConfig) as caught:
        load(folder, more, environment)
    return [
        f"{Path(fault.path).name}:{fault.line}: {fault.message}" for fault in caught.value.faults
    ]


def test_a_hedge_and_a_shadow_belong_to_a_named_model_and_an_enabled_provider(
    tmp_path: Path,
) -> None:
    models = "models: {fast: [{provider: a, model: parrot}]}\n"
    right = f"""{models}routing:
  hedge: {{fast: {{after_s: 1.5}}}}
  shadow: {{fast: {{provider: b, model: starling, share: 0.1}}}}
"""
    rules = load(tmp_path, right).routing
    assert rules.hedge == {"fast": Hedge(after_s=1.5)}
    assert rules.shadow == {"fast": Shadow(provider="b", model="starling", share=0.1)}
    wrong = f"""{models}routing:
  hedge: {{fats: {{after_s: 1}}}}
  shadow: {{fast: {{provider: off, model: m, share: 0.1}}}}
"""
    assert faults(tmp_path, wrong) == [
        "axonflow.yaml:8: `models` has no `fats`",
        "axonflow.yaml:9: the provider of the shadow of `fast`, `off` is not enabled",
    ]
    none = "routing: {hedge: {fast: {after_s: 0}}}\n"
    assert len(faults(tmp_path, none)) == 2


def test_the_file_says_all_of_it(tmp_path: Path) -> None:
    more = """\
models:
  fast:
    - {provider: a, model: parrot}
    - {provider: b, model: starling, weight: 0.5, priority: 3}
routing:
  strategy: latency
  default_provider: b
  strict_provider: true
  regions: [eu-*]
  failover_on_silence: true
"""
    config = load(tmp_path, more)
    assert config.routing == RoutingRules(
        strategy=Strategy.LATENCY,
        default_provider="b",
        strict_provider=True,
        regions=("eu-*",),
        failover_on_silence=True,
    )
    assert config.models == {
        "fast": (
            NamedTarget(provider="a", model="parrot"),
            NamedTarget(provider="b", model="starling", weight=0.5, priority=3),
        )
    }


def test_without_a_word_calls_are_weighted(tmp_path: Path) -> None:
    assert load(tmp_path).routing == RoutingRules(strategy=Strategy.WEIGHTED)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            "models:\n  fast:\n    - {provider: a, model: x}\n    - {provider: b}\n",
            ["axonflow.yaml:9: `model` is missing"],
        ),
        (
            "models:\n  fast:\n    - {provider: c, model: x}\n",
            ["axonflow.yaml:8: `llm_providers` has no `c`"],
        ),
        (
            "models:\n  fast:\n    - {provider: off, model: x}\n",
            [
                "axonflow.yaml:8: no target of the model `fast` is at a provider that is enabled",
            ],
        ),
        (
            "models:\n  fast: []\n",
            ["axonflow.yaml:7: no target of the model `fast` is at a provider that is enabled"],
        ),
        (
            "models:\n  fast:\n    - {provider: a, model: x}\n"
            "    - {provider: a, model: y}\n    - {provider: a, model: x, weight: 1}\n",
            ["axonflow.yaml:10: the model `fast` has the target a x twice"],
        ),
        (
            'models:\n  fast:\n    - {provider: a, model: ""}\n',
            ["axonflow.yaml:8: `model` is not acceptable: Length of 'model' must be >= 1: 0"],
        ),
        ("models: [fast]\n", ["axonflow.yaml:6: `models` wants a section of `key: value` lines"]),
        (
            "routing: {strategy: cheapest}\n",
            ["axonflow.yaml:6: `strategy` wants one of weighted, round_robin, failover"],
        ),
        (
            "routing: {default_provider: c}\n",
            ["axonflow.yaml:6: `llm_providers` has no `c`"],
        ),
        (
            "routing: {default_provider: off}\n",
            ["axonflow.yaml:6: the default provider `off` is not enabled"],
        ),
        ("routing: {regoins: [eu-*]}\n", ["axonflow.yaml:6: unknown key `regoins`"]),
    ],
)
def test_a_fault_has_its_line(tmp_path: Path, more: str, expected: list[str]) -> None:
    found = faults(tmp_path, more)
    assert len(found) == len(expected)
    for each, begins in zip(found, expected, strict=True):
        assert each.startswith(begins)


def test_a_target_at_a_provider_that_is_not_enabled_is_a_warning(tmp_path: Path) -> None:
    more = "models:\n  fast:\n    - {provider: a, model: x}\n    - {provider: off, model: y}\n"
    config = load(tmp_path, more)
    (warning,) = config.warnings
    assert (warning.line, warning.message) == (
        9,
        "no call of `fast` goes to off, which is not enabled",
    )


# ── the environment ───────────────────────────────────────────────────────────────────────────────

ENVIRONMENT = {
    "LLM_ROUTING_STRATEGY": "round_robin",
    "DEFAULT_LLM_PROVIDER": "a",
    "LLM_STRICT_PROVIDER_DEFAULT": "on",
    "PROVIDER_WEIGHTS": "a:75, b:50,off:25",
}


def test_the_environment_decides_what_the_file_leaves_out(tmp_path: Path) -> None:
    config = load(tmp_path, "routing: {strategy: failover}\n", ENVIRONMENT)
    assert config.routing == RoutingRules(
        strategy=Strategy.FAILOVER, default_provider="a", strict_provider=True
    )
    weights = {name: entry.weight for name, entry in config.providers.items()}
    assert weights == {"a": 0.5, "b": 0.25, "off": 25 / 150}


def test_an_empty_variable_is_unset(tmp_path: Path) -> None:
    assert load(tmp_path, "", dict.fromkeys(ENVIRONMENT, "")) == load(tmp_path)


def test_a_provider_that_the_weights_leave_out_has_none(tmp_path: Path) -> None:
    config = load(tmp_path, "", {"PROVIDER_WEIGHTS": "b:1"})
    assert config.providers["a"].weight == 0


def test_a_share_of_a_provider_that_is_not_enabled_is_a_warning(tmp_path: Path) -> None:
    (warning,) = load(tmp_path, "", {"PROVIDER_WEIGHTS": "a:75,off:25"}).warnings

    assert str(warning.place) == "PROVIDER_WEIGHTS"
    assert warning.message.startswith("PROVIDER_WEIGHTS gives off a share, and no call goes there")
    assert not load(tmp_path, "", {"PROVIDER_WEIGHTS": "a:75,off:0"}).warnings


@pytest.mark.parametrize("word", ["1", "true", "YES", "on"])
def test_every_spelling_of_yes_is_read(tmp_path: Path, word: str) -> None:
    config = load(tmp_path, "", {"LLM_STRICT_PROVIDER_DEFAULT": word})
    assert config.routing.strict_provider


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("LLM_ROUTING_STRATEGY", "random", "`strategy` wants one of weighted,"),
        ("LLM_STRICT_PROVIDER_DEFAULT", "maybe", "`strict_provider` wants true or false"),
        ("DEFAULT_LLM_PROVIDER", "z", "`llm_providers` has no `z`"),
        ("DEFAULT_LLM_PROVIDER", "off", "the default provider `off` is not enabled"),
        ("PROVIDER_WEIGHTS", "z:50", "PROVIDER_WEIGHTS has no provider `z`"),
        ("PROVIDER_WEIGHTS", "a:heavy", "`a` wants a number, found 'heavy'"),
        ("PROVIDER_WEIGHTS", "a", "`a` wants a number"),
        ("PROVIDER_WEIGHTS", "a:-1", "PROVIDER_WEIGHTS gives a -1"),
        ("PROVIDER_WEIGHTS", "a:0", "PROVIDER_WEIGHTS gives every provider 0"),
        ("PROVIDER_WEIGHTS", "a:1,b:1,a:2", "PROVIDER_WEIGHTS names a twice"),
    ],
)
def test_a_variable_that_cannot_be_meant_is_a_fault_at_its_name(
    tmp_path: Path, variable: str, value: str, message: str
) -> None:
    (found,) = faults(tmp_path, "", {variable: value})
    assert found.startswith(f"{variable}:0: {message}")


def test_the_environment_alone_has_routing_too(tmp_path: Path) -> None:
    environment = {"ECHO_MODEL": "parrot", "LLM_ROUTING_STRATEGY": "failover"}
    config = load_config(environment=environment, folder=tmp_path)
    assert config.routing.strategy is Strategy.FAILOVER
    with pytest.raises(FaultyConfig) as caught:
        load_config(environment={**environment, "DEFAULT_LLM_PROVIDER": "z"}, folder=tmp_path)
    assert [str(fault.place) for fault in caught.value.faults] == ["DEFAULT_LLM_PROVIDER"]


def test_llm_providers_chooses_among_those_of_the_environment(tmp_path: Path) -> None:
    environment = {"ECHO_MODEL": "parrot", "LLM_PROVIDERS": "echo"}
    assert load_config(environment=environment, folder=tmp_path).providers.keys() == {"echo"}
    environment["LLM_PROVIDERS"] = "echo,zoo"
    with pytest.raises(FaultyConfig) as caught:
        load_config(environment=environment, folder=tmp_path)
    assert [fault.message for fault in caught.value.faults] == [
        "LLM_PROVIDERS names `zoo`, and no such provider is installed"
    ]
    assert enabled_plugins(environment=environment, folder=tmp_path).providers == ()


# ── a runtime of it ───────────────────────────────────────────────────────────────────────────────


async def test_a_runtime_answers_by_what_the_file_says(tmp_path: Path) -> None:
    more = "models:\n  fast:\n    - {provider: b, model: starling}\n"
    hi = CompletionRequest((user("hi"),))
    async with Runtime.open(load(tmp_path, more)) as runtime:
        by_name = await runtime.complete(hi, model="fast")
        by_priority = await runtime.complete(hi)
        by_id = await runtime.complete(hi, provider="b", model="macaw")
        async with runtime.stream(hi, model="fast") as stream:
            streamed = await stream.completion()
    receipts = [each.receipt for each in (by_name, streamed, by_priority, by_id)]
    assert [(each.provider, each.model) for each in receipts if each is not None] == [
        ("b", "starling"),
        ("b", "starling"),
        ("a", "echo"),
        ("b", "macaw"),
    ]
