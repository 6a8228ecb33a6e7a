"""A package of a provider states what is its vendor's own, in at most 400 lines of Python besides
its codec. What is counted is read from the source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parent.parent / "plugins"
MOST = 400
CODECS: Mapping[str, frozenset[str]] = {
    "axonflow-anthropic": frozenset({"codec.py"}),
    # What Azure adds to OpenAI's bodies: findings of its content filter, errors, versions.
    "axonflow-azure-openai": frozenset({"codec.py"}),
    "axonflow-gemini": frozenset({"codec"}),
    # A chat, its older form of one prompt, vectors, and the bodies that tell of models.
    "axonflow-ollama": frozenset({"chat", "generate.py", "embedding.py", "listing.py"}),
    # Chat and vectors, and what is counted: a request in the form of the Responses API.
    "axonflow-openai": frozenset({"codec.py", "counting.py"}),
}
"""Package -> its codec: the modules, and packages of modules, that translate bodies."""
ANY_LENGTH = frozenset({"axonflow-bedrock"})
"""A cloud of twenty families, with signatures, profiles and regions."""


def lines_besides(package: Path, codec: frozenset[str]) -> int:
    """The lines of a package's Python that stand in no module of its codec."""
    modules = (
        path for path in package.rglob("*.py") if path.relative_to(package).parts[0] not in codec
    )
    return sum(len(path.read_text().splitlines()) for path in modules)


PACKAGES = {
    folder.name: next(folder.glob("axonflow_*"))
    for folder in sorted(PLUGINS.iterdir())
    if folder.name not in ANY_LENGTH
}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_has_at_most_400_lines_besides_its_codec(name: str) -> None:
    assert lines_besides(PACKAGES[name], CODECS.get(name, frozenset())) <= MOST


@pytest.mark.parametrize(
    ("name", "module"),
    [(name, module) for name, codec in CODECS.items() for module in sorted(codec)],
)
def test_what_is_called_a_codec_is_there(name: str, module: str) -> None:
    assert (PACKAGES[name] / module).exists()


def test_lines_of_a_codec_are_not_counted_and_all_others_are(tmp_path: Path) -> None:
    (tmp_path / "codec").mkdir()
    (tmp_path / "codec" / "answers.py").write_text("a = 1\n" * 500)
    (tmp_path / "provider.py").write_text("a = 1\n\n# why\n")
    (tmp_path / "models.toml").write_text("a = 1\n")

    assert lines_besides(tmp_path, frozenset({"codec"})) == 3
    assert lines_besides(tmp_path, frozenset()) == 503
