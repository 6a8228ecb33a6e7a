"""The package that `axonflow plugins new` writes: small, complete, and passing its own tests.

A `Template` is one kind of package: what it is called, which entry point makes it a plugin, and its
files. The files are in `templates/`, in the syntax of `string.Template`: `$name`, `$provider` and
the like are replaced, in their paths too.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from datetime import date
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from axonflow_core.errors import PluginError, RequestError
from axonflow_core.frozen import frozen
from axonflow_core.plugins import CODECS, PROVIDERS, find_plugins


@frozen(kw_only=True)
class Template:
    """A kind of package. Texts are in the syntax of `string.Template`."""

    noun: str
    """What its name is the name of."""
    distribution: str
    group: str
    """The group of its entry point, whose name is that of the family or provider."""
    description: str
    dependencies: tuple[str, ...] = ()
    """Besides the core."""
    files: Mapping[str, str]
    """Path in `templates/` -> path in the package."""


_PACKAGE: Mapping[str, str] = {
    "package/pyproject.toml": "pyproject.toml",
    "package/py.typed": "$module/py.typed",
}
_CODEC: Mapping[str, str] = {
    **_PACKAGE,
    "package/codec_test.py": "tests/test_$identifier.py",
}

CODEC = Template(
    noun="family",
    distribution="axonflow-$provider-$name",
    group=f"{CODECS}$provider",
    description="The $name family for AxonFlow's $provider provider",
    files={
        **_CODEC,
        "codec/README.md": "README.md",
        "codec/codec.py": "$module/__init__.py",
        "codec/hello.json": "tests/golden/hello.json",
    },
)
"""A codec of one prompt and one text."""

CHAT_CODEC = Template(
    noun="family",
    distribution=CODEC.distribution,
    group=CODEC.group,
    description=CODEC.description,
    files={
        **_CODEC,
        "chat_codec/README.md": "README.md",
        "chat_codec/codec.py": "$module/__init__.py",
        "chat_codec/conversation.json": "tests/golden/conversation.json",
    },
)
"""A codec of conversations: a system prompt, turns and tools."""

PROVIDER = Template(
    noun="provider",
    distribution="axonflow-provider-$name",
    group=PROVIDERS,
    description="$name as a provider of AxonFlow",
    dependencies=("attrs>=24.2",),
    files={
        **_PACKAGE,
        "provider/README.md": "README.md",
        "provider/provider.py": "$module/__init__.py",
        "provider/errors.toml": "$module/errors.toml",
        "provider/test.py": "tests/test_$identifier.py",
    },
)
"""A provider with one JSON API for chat, in the form of OpenAI's."""

_NAME = re.compile(r"[a-z][a-z0-9]{0,19}(-[a-z0-9]{1,19}){0,2}")


def write_package(template: Template, name: str, parent: Path, *, provider: str = "") -> Path:
    """Write the package of the family or provider `name` into `parent` and return its folder.
    `provider` is whose family it is.

    Overwrites nothing: `RequestError` where the name is not allowed, or the folder exists or cannot
    be created; `PluginError` where an installed plugin already has the name.
    """
    _check_name(template.noun, name)
    if provider:
        _check_name("provider", provider)
    words = _words(template, name, provider)
    _refuse_taken(template, words)
    folder = _created(parent / words["distribution"])
    for source, place in template.files.items():
        path = folder / _substituted(place, words)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_rendered(source, words), "utf-8")
    return folder


def _check_name(noun: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise RequestError(
            f"{name!r} is not a valid name for a {noun}",
            hint="use lower-case letters and digits, a letter first, and at most two hyphens: "
            f"my-{noun}",
        )


def _refuse_taken(template: Template, words: Mapping[str, str]) -> None:
    for plugin in find_plugins(words["group"]):
        if plugin.name == words["name"]:
            raise PluginError(
                f"a {template.noun} {plugin.name} is already installed by {plugin.distribution} "
                f"{plugin.version}",
                hint="two plugins with one name cannot be loaded together; choose another name",
            )


def _created(folder: Path) -> Path:
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
    return folder


def _words(template: Template, name: str, provider: str) -> Mapping[str, str]:
    named = {"name": name, "provider": provider}
    distribution = _substituted(template.distribution, named)
    major, minor, *_ = version("axonflow-core").split(".")
    return {
        **named,
        "identifier": name.replace("-", "_"),
        "variable": name.replace("-", "_").upper() + "_API_KEY",
        "distribution": distribution,
        "module": distribution.replace("-", "_"),
        "group": _substituted(template.group, named),
        "description": _substituted(template.description, named),
        "dependencies": "".join(f'"{each}", ' for each in template.dependencies),
        "core": f"{major}.{minor}",
        "next_core": f"{major}.{int(minor) + 1}",
        "today": date.today().isoformat(),
    }


def _rendered(source: str, words: Mapping[str, str]) -> str:
    path = files("axonflow_core.cli").joinpath("templates", *f"{source}.tmpl".split("/"))
    return _substituted(path.read_text("utf-8"), words)


def _substituted(text: str, words: Mapping[str, str]) -> str:
    return string.Template(text).substitute(words)
