"""The package that `axonflow plugins new` writes: small, complete, and passing its own tests.

The files are in `templates/`, in the syntax of `string.Template`: `$name`, `$provider` and the like
are replaced.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template

from axonflow_core.errors import PluginError, RequestError
from axonflow_core.plugins import CODECS, find_plugins

_FILES: Mapping[str, str] = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "codec.py": "$module/__init__.py",
    "py.typed": "$module/py.typed",
    "test.py": "tests/test_$identifier.py",
    "hello.json": "tests/golden/hello.json",
}
"""Template -> path in the package."""

_NAME = re.compile(r"[a-z][a-z0-9]{0,19}(-[a-z0-9]{1,19}){0,2}")


def write_codec_package(name: str, provider: str, parent: Path) -> Path:
    """Write the package `axonflow-<provider>-<name>` into `parent` and return its folder.

    Overwrites nothing: `RequestError` where the name is not allowed, or the folder exists or cannot
    be created; `PluginError` where an installed plugin already has the name.
    """
    _check_name("family", name)
    _check_name("provider", provider)
    _refuse_taken(name, provider)
    words = _words(name, provider)
    folder = parent / words["distribution"]
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise RequestError(
            f"{folder} already exists and is not overwritten",
            hint="choose another name, or --into DIR",
        ) from None
    except OSError as error:
        raise RequestError(
            f"{folder} cannot be created: {error.strerror}",
            hint="choose another folder: --into DIR",
        ) from None
    for template, place in _FILES.items():
        path = folder / Template(place).substitute(words)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_rendered(template, words), "utf-8")
    return folder


def _check_name(what: str, name: str) -> None:
    """Refuse names that are no identifier after `-` is replaced, or too long for a package's
    name."""
    if not _NAME.fullmatch(name):
        raise RequestError(
            f"{name!r} is not a valid name for a {what}",
            hint="use lower-case letters and digits, a letter first, and at most two hyphens: "
            "my-family",
        )


def _refuse_taken(name: str, provider: str) -> None:
    """Refuse a name that an installed codec plugin has."""
    for plugin in find_plugins(CODECS + provider):
        if plugin.name == name:
            raise PluginError(
                f"a family {name} is already installed by {plugin.distribution} {plugin.version}",
                hint="two codecs for one family cannot be loaded together; choose another name",
            )


def _words(name: str, provider: str) -> Mapping[str, str]:
    """The placeholders of the templates and their values."""
    distribution = f"axonflow-{provider}-{name}"
    major, minor, *_ = version("axonflow-core").split(".")
    return {
        "name": name,
        "identifier": name.replace("-", "_"),
        "provider": provider,
        "distribution": distribution,
        "module": distribution.replace("-", "_"),
        "core": f"{major}.{minor}",
        "next_core": f"{major}.{int(minor) + 1}",
        "today": date.today().isoformat(),
    }


def _rendered(template: str, words: Mapping[str, str]) -> str:
    """A template with its placeholders replaced."""
    text = (
        files("axonflow_core.cli")
        .joinpath("templates", "codec", f"{template}.tmpl")
        .read_text("utf-8")
    )
    return Template(text).substitute(words)
