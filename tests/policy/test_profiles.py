"""What follows from a finding, by profiles, variables, sections of clients and of models."""

from __future__ import annotations

import re
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.config import FaultyConfig, load_config
from axonflow_core.config.policies import ACTIONS, OLD, names, variables_of
from axonflow_core.config.values import PoliciesConfig, PolicySection
from axonflow_core.errors import ConfigError
from axonflow_core.frozen import evolve
from axonflow_core.policy.detectors import DETECTORS
from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.fingerprint import digest_of
from axonflow_core.policy.policies import Policies
from axonflow_core.policy.profiles import EVERYBODY, MATRIX, Scope, acting, allows_fetches, told
from axonflow_core.policy.rules import RANKS, Action, OnError, Phase, Rule, Severity, VendorFetches
from axonflow_core.policy.terms import CATEGORIES, PolicyVariables, Profile, Surface

LOG, WARN, REDACT, BLOCK = Action.LOG, Action.WARN, Action.REDACT, Action.BLOCK
FILE = 'version: "1.0"\nllm_providers: {echo: {enabled: true}}\n'
SSN = "My number is 123-45-6789."


def detector_of(
    category: str = "pii", severity: Severity = Severity.HIGH, type: str = "badge"
) -> Detector:
    return Detector(
        type=type,
        category=category,
        action=Action.REQUIRE_APPROVAL,
        severity=severity,
        description="A badge.",
        pattern="badge",
        hint="badge",
    )


def action_of(
    config: PoliciesConfig, category: str = "pii", scope: Scope = EVERYBODY
) -> Action | None:
    return told(detector_of(category), config, scope).action


def of_environment(**variables: str) -> PoliciesConfig:
    return PoliciesConfig(variables=variables_of(variables))


# ── profiles ──────────────────────────────────────────────────────────────────────────────────────


def test_without_a_profile_each_detector_has_its_own_action() -> None:
    detectors = acting(DETECTORS, PoliciesConfig())
    assert [one.action for one in detectors] == [one.action for one in DETECTORS]


@pytest.mark.parametrize(
    ("profile", "actions"),
    {
        Profile.DEV: [LOG, LOG, WARN, WARN, LOG, LOG],
        Profile.DEFAULT: [WARN, WARN, BLOCK, BLOCK, WARN, WARN],
        Profile.STRICT: [BLOCK, BLOCK, BLOCK, BLOCK, BLOCK, WARN],
        Profile.COMPLIANCE: [BLOCK] * 6,
    }.items(),
)
def test_a_profile_has_the_documented_actions(profile: Profile, actions: list[Action]) -> None:
    """Source: the product's guide "Governance Profiles", of which the contract's 4.0 is a copy."""
    names = "pii sqli dangerous_queries dangerous_commands sensitive_data high_risk".split()
    assert [action_of(PoliciesConfig(profile=profile), name) for name in names] == actions


def test_a_profile_that_blocks_texts_blocks_fetches_of_what_no_policy_reads() -> None:
    allowed = {each: allows_fetches(PoliciesConfig(profile=each)) for each in (None, *Profile)}
    blocked = {Profile.STRICT, Profile.COMPLIANCE}
    assert {each for each, is_allowed in allowed.items() if not is_allowed} == blocked
    for each in (None, *Profile):
        for said in VendorFetches:
            config = PoliciesConfig(profile=each, vendor_fetches=said)
            assert allows_fetches(config) is (said is VendorFetches.ALLOW)
    enforced = PolicyVariables(enforced_profile=Profile.COMPLIANCE)
    assert not allows_fetches(PoliciesConfig(profile=Profile.DEV, variables=enforced))


@pytest.mark.parametrize(("category", "medium"), [("pii", REDACT), ("sqli", WARN)])
def test_a_profile_blocks_what_is_grave(category: str, medium: Action) -> None:
    config = PoliciesConfig(profile=Profile.STRICT)
    found = {
        severity: told(detector_of(category, severity), config).action for severity in Severity
    }
    assert list(found.values()) == [BLOCK, BLOCK, medium, LOG]


@pytest.mark.parametrize("severity", Severity)
@pytest.mark.parametrize("key", ["pii", "badge"])
def test_an_action_is_meant_literally_whatever_the_severity(severity: Severity, key: str) -> None:
    config = PoliciesConfig(profile=Profile.DEV, actions={key: BLOCK})
    assert told(detector_of("pii", severity), config).action is BLOCK
    enforced = of_environment(AXONFLOW_ENFORCE="pii")
    assert told(detector_of("pii", severity), enforced).action is BLOCK


# ── precedence ────────────────────────────────────────────────────────────────────────────────────

STEPS: tuple[tuple[str, dict[str, str], dict[str, Any]], ...] = (
    ("policies.actions.badge", {}, {"actions": {"badge": LOG}}),
    ("policies.actions.pii", {}, {"actions": {"pii": WARN}}),
    ("GATEWAY_PII_ACTION", {"GATEWAY_PII_ACTION": "redact"}, {}),
    ("PII_ACTION", {"PII_ACTION": "warn"}, {}),
    ("AXONFLOW_ENFORCE", {"AXONFLOW_ENFORCE": "sqli, pii"}, {}),
    ("policies.profile dev", {}, {"profile": Profile.DEV}),
    ("AXONFLOW_PROFILE default", {"AXONFLOW_PROFILE": "default"}, {}),
)
"""Who says something, and how, the one that counts most first."""


@given(said=st.sets(st.sampled_from(range(len(STEPS)))))
def test_what_is_most_specific_decides(said: set[int]) -> None:
    environment: dict[str, str] = {}
    written: dict[str, Any] = {"actions": {}}
    for number in sorted(said):
        _, variables, keys = STEPS[number]
        environment |= variables
        written |= {**keys, "actions": written["actions"] | keys.get("actions", {})}
    config = PoliciesConfig(**written, variables=variables_of(environment))
    expected = STEPS[min(said)][0] if said else "the detector"
    assert told(detector_of(), config).source == expected


def test_every_documented_variable_of_an_action_is_read() -> None:
    stems = "PII SQLI DANGEROUS_QUERY DANGEROUS_COMMAND SENSITIVE_DATA HIGH_RISK".split()
    for stem, category in zip(stems, CATEGORIES, strict=True):
        for prefix, surfaces in {"": Surface, "GATEWAY_": ["gateway"], "MCP_": ["mcp"]}.items():
            config = of_environment(**{f"{prefix}{stem}_ACTION": "warn"})
            for surface in Surface:
                expected = WARN if surface in surfaces else Action.REQUIRE_APPROVAL
                assert action_of(config, category, Scope(surface=surface)) is expected


def test_commands_are_as_queries_where_they_have_no_variable_of_their_own() -> None:
    config = of_environment(DANGEROUS_QUERY_ACTION="log")
    assert action_of(config, "dangerous_commands") is LOG
    config = of_environment(DANGEROUS_QUERY_ACTION="log", DANGEROUS_COMMAND_ACTION="block")
    assert action_of(config, "dangerous_commands") is BLOCK


@pytest.mark.parametrize(("word", "profile"), [("all", "strict"), ("none", "dev")])
def test_enforcing_all_or_none_is_a_profile(word: str, profile: str) -> None:
    config = of_environment(AXONFLOW_ENFORCE=word, AXONFLOW_PROFILE="compliance")
    for category in CATEGORIES:
        assert action_of(config, category) is MATRIX[Profile(profile)][category]


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"PII_ACTION": "blok"}, "did you mean `block`"),
        ({"GATEWAY_SQLI_ACTION": "deny"}, "there are: block, log"),
        ({"SQLI_ACTION": "redact"}, "cannot be redact"),
        ({"MCP_SENSITIVE_DATA_ACTION": "redact"}, "for pii alone"),
        ({"HIGH_RISK_ACTION": "require_approval"}, "HIGH_RISK_ACTION"),
        ({"AXONFLOW_PROFILE": "strickt"}, "did you mean `strict`"),
        ({"AXONFLOW_ENFORCE": "pii,sql"}, "did you mean `sqli`"),
        ({"AXONFLOW_ENFORCE": "all,pii"}, "alone"),
        ({"GATEWAY_STATIC_POLICIES_ENABLED": "yess"}, "true or false"),
        ({"GATEWAY_STATIC_POLICIES_SKIP_CATEGORIES": "pii-us"}, "pii-us"),
        *(({name: "x"}, f"set {new}") for name, new in OLD.items()),
    ],
)
def test_what_cannot_be_meant_stops_the_start(variables: dict[str, str], words: str) -> None:
    with pytest.raises(FaultyConfig) as caught:
        variables_of(variables)
    (fault,) = caught.value.faults
    assert str(fault.place) in variables
    assert words in f"{fault.message} {fault.hint}"


def test_every_fault_of_the_environment_is_shown_at_once() -> None:
    with pytest.raises(FaultyConfig) as caught:
        variables_of(dict.fromkeys(names(), "?"))
    assert len(caught.value.faults) == len(set(names()))
    assert set(names()) >= {variable for own in ACTIONS.values() for variable in own}


def test_variables_are_read_beside_a_file_and_without_one(tmp_path: Path) -> None:
    environment = {"PII_ACTION": "redact", "ECHO_MODEL": "parrot"}
    assert action_of(load_config(environment=environment, folder=tmp_path).policies) is REDACT
    file = tmp_path / "axonflow.yaml"
    file.write_text(FILE)
    assert action_of(load_config(file, environment).policies) is REDACT
    file.write_text(FILE + "policies: {actions: {pii: log}}\n")
    assert action_of(load_config(file, environment).policies) is LOG
    with pytest.raises(FaultyConfig, match="PII_ACTION"):
        load_config(file, {"PII_ACTION": "?"})


def test_detectors_are_left_out_where_the_environment_says_so() -> None:
    off = of_environment(GATEWAY_STATIC_POLICIES_ENABLED="false")
    assert list(acting(DETECTORS, off)) == []
    assert len(list(acting(DETECTORS, off, Scope(surface=Surface.MCP)))) == len(DETECTORS)
    skipped = of_environment(GATEWAY_STATIC_POLICIES_SKIP_CATEGORIES="sqli, us_ssn")
    left = {(one.category, one.type) for one in acting(DETECTORS, skipped)}
    assert "sqli" not in {category for category, _ in left}
    assert "us_ssn" not in {type for _, type in left}
    assert "payment_card" in {type for _, type in left}


@pytest.mark.parametrize("has_file", [False, True])
def test_detectors_that_are_off_are_warned_of(tmp_path: Path, *, has_file: bool) -> None:
    environment = {"ECHO_MODEL": "parrot", "MCP_STATIC_POLICIES_ENABLED": "false"}
    if has_file:
        (tmp_path / "axonflow.yaml").write_text(FILE)
    (warning,) = load_config(environment=environment, folder=tmp_path).warnings
    assert "MCP_STATIC_POLICIES_ENABLED is false" in warning.message
    del environment["MCP_STATIC_POLICIES_ENABLED"]
    assert load_config(environment=environment, folder=tmp_path).warnings == ()


def test_the_file_has_an_action_for_what_the_environment_leaves_out() -> None:
    variables = variables_of({"GATEWAY_STATIC_POLICIES_SKIP_CATEGORIES": "pii"})
    config = PoliciesConfig(actions={"us_ssn": BLOCK}, variables=variables)
    assert [one.type for one in acting(DETECTORS, config) if one.category == "pii"] == ["us_ssn"]


# ── clients and models ────────────────────────────────────────────────────────────────────────────

SECTIONED = PoliciesConfig(
    profile=Profile.STRICT,
    rules=(Rule(name="all", action=BLOCK, text="for all"),),
    clients={
        "a": PolicySection(
            profile=Profile.DEV, rules=(Rule(name="of-a", action=BLOCK, text="for a"),)
        ),
        "b": PolicySection(actions={"us_ssn": WARN}),
    },
    models={
        "vendor.*": PolicySection(
            actions={"us_ssn": REDACT}, rules=(Rule(name="vendor", action=BLOCK, text="for v"),)
        ),
        "house": PolicySection(profile=Profile.DEV),
    },
)
POLICIES = Policies.build(SECTIONED)


def ssn_of(policy: Policy) -> Action:
    return next(one.action for one in policy.detectors if one.type == "us_ssn")


def rules_of(policy: Policy) -> list[str]:
    return [rule.name for rule in policy.rules]


@pytest.mark.parametrize(
    ("client", "models", "action", "rules"),
    [
        ("c", ["other"], BLOCK, ["all"]),
        ("c", ["house"], LOG, ["all"]),
        ("c", ["vendor.large"], REDACT, ["all", "vendor"]),
        ("c", ["house", "vendor.large"], REDACT, ["all", "vendor"]),
        ("c", ["house", "other"], BLOCK, ["all"]),
        ("c", None, BLOCK, ["all", "vendor"]),
        ("a", ["other"], LOG, ["all", "of-a"]),
        ("a", ["vendor.large"], REDACT, ["all", "of-a", "vendor"]),
        ("a", None, REDACT, ["all", "of-a", "vendor"]),
        ("b", ["other"], WARN, ["all"]),
        ("b", ["house"], WARN, ["all"]),
    ],
)
def test_the_strictest_of_all_that_a_call_may_go_to_holds(
    client: str, models: list[str] | None, action: Action, rules: list[str]
) -> None:
    policy = POLICIES.of(client, models)
    assert (ssn_of(policy), rules_of(policy)) == (action, rules)


def test_a_model_is_known_by_the_name_that_a_call_has_for_it() -> None:
    assert ssn_of(POLICIES.of("c", ["any-id"], called="house")) is LOG
    assert ssn_of(POLICIES.of("c", ["any-id"], called="else")) is BLOCK


def test_each_combination_is_built_once_and_has_a_version_of_its_own() -> None:
    asked = list(product("abc", (None, ["other"], ["house"], ["vendor.x"], ["house", "vendor.x"])))
    policies = [POLICIES.of(client, models) for client, models in asked]
    assert all(
        POLICIES.of(client, models) is policy
        for (client, models), policy in zip(asked, policies, strict=True)
    )
    decided = {
        (policy.version, tuple((one.type, one.action) for one in policy.detectors), policy.rules)
        for policy in policies
    }
    assert len({version for version, *_ in decided}) == len(decided)


def test_scopes_of_the_same_rules_and_actions_have_one_policy() -> None:
    config = PoliciesConfig(
        clients={"a": PolicySection(), "b": PolicySection(actions={"us_ssn": LOG})},
        models={"m": PolicySection(actions={"us_ssn": LOG})},
    )
    policies = Policies.build(config)
    assert policies.of("a", ["x"]) is policies.of("c", ["x"]) is policies.general
    assert policies.of("b", ["x"]) is policies.of("a", ["m"]) is policies.of("b", ["m"])


def test_models_that_clients_make_up_bring_about_few_policies() -> None:
    config = PoliciesConfig(models={f"{n}*": PolicySection(profile=Profile.DEV) for n in range(9)})
    policies = Policies.build(config)
    asked = {id(policies.of("c", map(str, range(n)))) for n in range(1, 10) for _ in range(100)}
    assert len(asked) == 1
    assert len(policies._later) <= 9


@given(
    before=st.sampled_from([None, Profile.DEV, Profile.COMPLIANCE]),
    action=st.sampled_from(list(Action)),
    text=st.sampled_from([SSN, "for a", "a@b.example; union select 1,2 from users", "nothing"]),
)
def test_a_section_of_one_client_changes_nothing_for_another(
    before: Profile | None, action: Action, text: str
) -> None:
    rule = Rule(name="of-a", action=action, text="for a")
    section = PolicySection(profile=before, actions={"pii": action}, rules=(rule,))
    without, beside = PoliciesConfig(), PoliciesConfig(clients={"a": section})
    for phase in Phase:
        one, other = (
            Policies.build(config).of("b").evaluate(phase, {"t": text})
            for config in (without, beside)
        )
        assert one == other
    changed = Policies.build(beside).of("a").evaluate(Phase.REQUEST, {"t": "for a"})
    assert {finding.rule for finding in changed.findings} == {"of-a"}


def test_no_section_loosens_what_another_of_the_same_call_asks_for() -> None:
    """Over all pairs of actions of a client's section and of a model's."""
    for of_client, of_model in product(Action, repeat=2):
        config = PoliciesConfig(
            clients={"a": PolicySection(actions={"pii": of_client})},
            models={"m": PolicySection(actions={"pii": of_model})},
        )
        scope = Scope(client="a", models=frozenset({("m",)}))
        assert action_of(config, scope=scope) is max(of_client, of_model, key=RANKS.__getitem__)


def test_tools_have_a_policy_of_their_own_where_variables_say_so() -> None:
    policies = Policies.build(of_environment(PII_ACTION="block", MCP_PII_ACTION="log"))
    assert ssn_of(policies.of("a")) is BLOCK
    assert ssn_of(policies.of("a", surface=Surface.MCP)) is LOG
    same = Policies.build(PoliciesConfig())
    assert same.of("a", surface=Surface.MCP) is same.of("a")


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("clients: {acmee: {profile: dev}}", "did you mean `acme`"),
        ("clients: {acme: {actions: {emial: log}}}", "did you mean `email`"),
        ("clients: {acme: {rules: [{name: all, text: x, action: log}]}}", "two rules"),
        ("models: {'m*x': {profile: dev}}", "names no model"),
        ("models: {'*': {profile: dev}}", "names no model"),
        ("models: {m: {rules: [{name: us_ssn, text: x, action: log}]}}", "a built-in detector"),
        ("clients: {acme: {profil: dev}}", "profil"),
        ("clients: {acme: {on_error: allow}}", "on_error"),
    ],
)
def test_a_faulty_section_is_shown_at_its_place(tmp_path: Path, section: str, words: str) -> None:
    file = tmp_path / "axonflow.yaml"
    rules = "rules: [{name: all, text: y, action: log}]"
    head = f"{FILE}server: {{clients: {{acme: {{roles: [call]}}}}}}\npolicies:\n  {rules}\n  "
    file.write_text(head + section + "\n")
    with pytest.raises(FaultyConfig) as caught:
        load_config(file)
    (fault,) = caught.value.faults
    assert fault.line == 6 and words in str(fault)


def test_sections_that_do_not_fit_are_refused_in_python_too() -> None:
    section = PolicySection(actions={"emial": LOG})
    with pytest.raises(ConfigError, match="emial"):
        Policies.build(PoliciesConfig(models={"m": section}))


ONCE = {name for name, count in Counter(one.type for one in DETECTORS).items() if count == 1}
"""The types that one detector has."""


def test_policies_search_with_the_same_compiled_patterns() -> None:
    """220 patterns for each of 50 clients would cost minutes and gigabytes."""
    one, other = (POLICIES.of(client, ["other"])._programs for client in "ab")
    for key, program in one.items():
        assert program.sieve is other[key].sieve
        finds = {search.name: search.find for search in other[key].searches[len(other[key].own) :]}
        assert finds
        assert all(
            finds[search.name] is search.find or search.name not in ONCE
            for search in program.searches[len(program.own) :]
        )


# ── versions ──────────────────────────────────────────────────────────────────────────────────────


def test_a_version_changes_with_all_that_decides() -> None:
    rule = Rule(name="r", action=LOG, text="x")
    configs = [
        PoliciesConfig(),
        PoliciesConfig(profile=Profile.STRICT),
        PoliciesConfig(actions={"us_ssn": LOG}),
        PoliciesConfig(rules=(rule,)),
        PoliciesConfig(rules=(evolve(rule, action=BLOCK),)),
        PoliciesConfig(rules=(evolve(rule, text="y"),)),
        PoliciesConfig(rules=(rule,), on_error=OnError.ALLOW),
        PoliciesConfig(max_characters=1_024),
        of_environment(PII_ACTION="log"),
        of_environment(GATEWAY_STATIC_POLICIES_SKIP_CATEGORIES="sqli"),
    ]
    versions = [Policy.build(config).version for config in configs]
    assert len(set(versions)) == len(configs)
    assert [Policy.build(config).version for config in configs] == versions


def test_a_version_changes_with_code_data_and_libraries(tmp_path: Path) -> None:
    (tmp_path / "detectors").mkdir()
    (tmp_path / "detectors" / "cards.py").write_text("x = 1")
    (tmp_path / "rules.json").write_text("[]")
    before = digest_of(tmp_path, {"re2": "1"})
    (tmp_path / "detectors" / "cards.pyc").write_bytes(b"compiled")
    assert digest_of(tmp_path, {"re2": "1"}) == before
    assert digest_of(tmp_path, {"re2": "2"}) != before
    for path in (tmp_path / "detectors" / "cards.py", tmp_path / "rules.json"):
        text = path.read_text()
        path.write_text(text + " ")
        assert digest_of(tmp_path, {"re2": "1"}) != before
        path.write_text(text)
    assert digest_of(tmp_path, {"re2": "1"}) == before


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_policies_has_the_actions_of_each_profile() -> None:
    page = (DOCS / "policies.md").read_text()
    head, _, *rows = page[page.index("| `profile` |") :].splitlines()[: 2 + len(Profile)]
    named = [re.findall(r"`(\w+)`", cell) for cell in head.split("|")[2:-1]]
    columns = [category for cell in named for category in cell]
    shown = {}
    for row in rows:
        name, *actions = (cell.strip(" `") for cell in row.split("|")[1:-1])
        each = [action for cell, action in zip(named, actions, strict=True) for _ in cell]
        shown[name] = dict(zip(columns, each, strict=True))
    assert shown == MATRIX


def test_the_page_of_configuration_names_every_variable() -> None:
    page = (DOCS / "configure.md").read_text()
    written = set(re.findall(r"`([A-Z_]+)`", page))
    stems = {name for name in names() if not name.startswith(("GATEWAY_", "MCP_"))}
    switches = {name for name in names() if "_STATIC_POLICIES_" in name}
    assert (stems | switches | {"GATEWAY_PII_ACTION", "MCP_PII_ACTION"}) - written == set()
