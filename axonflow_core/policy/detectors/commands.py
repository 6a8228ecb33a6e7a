"""Commands of shells that destroy a machine, or give it to somebody else.

A command that names what it destroys is found: `rm -rf /`, not `rm -rf ./build`. In prose a
sentence that asks or warns about a command ("what does rm -rf / do?") is no order, and an answer
explains what it shows as code; the argument of a tool is never either.
"""

from __future__ import annotations

import re

from axonflow_core.frozen import evolve
from axonflow_core.policy.detectors.code import outside_code
from axonflow_core.policy.detectors.detector import Accept, Detector
from axonflow_core.policy.detectors.kinds import B, Kind, finder_of, hint_of
from axonflow_core.policy.rules import Action, Mode, Severity

_SYSTEM = r"(?:etc|usr|bin|sbin|boot|lib(?:64)?|var|home|root|sys|dev|opt|srv|proc)"
_ROOT = (
    rf"['\"]?(?:/(?:[*.]|{_SYSTEM}(?:/[*]?)?)?|~/?[*]?|[$][{{]?HOME[}}]?/?[*]?|[*]"
    rf"|(?:[.]{{1,2}}/?)+[*]?"
    r"|[a-z]:\\?[*]?)['\"]?(?:[\s;&|)`'\",<]|\z)"
)
"""The root of a file system, a folder of the system, a home, or everything."""
_DEVICE = r"/dev/(?:sd|hd|vd|xvd|nvme|disk|mmcblk|mapper/|md)\w*"
_OPEN = r"(?:0?777|0?000|666|a[+]rwx|ugo[+]rwx)"
"""Rights for everybody, or for nobody."""
_FETCHED = r"(?:curl|wget|fetch|iwr|irm|invoke-webrequest|invoke-restmethod)"
_SHELL = r"(?:(?:ba|z|k|da|fi|a)?sh|python[\d.]*|perl|ruby|node|php|iex|invoke-expression)"

_RECURSIVE = re.compile(rb"\s-[a-z]*r|--recursive", re.IGNORECASE)
_ABOUT = re.compile(
    rb"\b(?:what(?:'s|\s+is|\s+does|\s+do|\s+would|\s+will|\s+happens)|why\s|how\s+does"
    rb"|explain|never\s|don'?t\s+(?:ever\s+)?(?:run|use|type)|do\s+not\s+(?:run|use|type)|avoid"
    rb"|meaning\s+of|dangers?\s+of|difference\s+between|is\s+it\s+(?:safe|dangerous)"
    rb"|commands?\s+(?:like|such\s+as)|e\.g\.|called|known\s+as)[^.!?\n]*\Z",
    re.IGNORECASE,
)
"""A sentence that asks or warns about what follows."""
_SENTENCE = 100


def _recursive(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """`rm -rf /`, but neither `rm -f *` nor `git rm -r .`."""
    is_of_index = data[max(0, start - 4) : start] == b"git "
    return (start, end) if _RECURSIVE.search(data, start, end) and not is_of_index else None


COMMANDS = (
    Kind(
        hint=rf"\brm{B}-",
        pattern=rf"\brm(?:{B}--?[\w=-]+)+{B}(?:--{B})?{_ROOT}",
        accept=_recursive,
    ),
    Kind(
        hint=r"\bmkfs|/dev/(?:sd|hd|vd|xvd|nvme|disk|mmcblk|mapper|md)|/dev/tcp/",
        pattern=(
            rf"\bmkfs(?:[.]\w+)?{B}(?:-\w+{B}(?:\w+{B})?)*/dev/\w"
            rf"|\bdd{B}[^\n;|]*\bof=['\"]?{_DEVICE}"
            rf"|>{{1,2}}\s*{_DEVICE}|\b(?:wipefs|shred|blkdiscard){B}[^\n;|]*{_DEVICE}"
            rf"|\bbash{B}-i\b[^\n]{{0,20}}/dev/tcp/|>&?\s*/dev/tcp/\d"
        ),
    ),
    Kind(
        hint=r"\(\)\s*\{\s*[\w:.]+\s*\||%0\|%0|fork\s+while\s+fork",
        pattern=r"[\w:.]+\s*\(\)\s*\{\s*[\w:.]+\s*\|\s*[\w:.]+\s*&\s*\}|%0\|%0|fork\s+while\s+fork",
    ),
    Kind(
        hint=rf"\b{_FETCHED}\b[^\n|]*\||\(\s*{_FETCHED}\b|downloadstring",
        pattern=(
            rf"\b{_FETCHED}{B}[^\n|]*\|\s*(?:sudo{B}(?:-\w+{B})*)?(?:/\w+/(?:\w+/)?)?{_SHELL}\b"
            rf"|\b(?:{_SHELL}|eval|source)\b[^\n(]{{0,12}}[$<]\(\s*{_FETCHED}\b"
            rf"|(?:iex|invoke-expression)[^\n]{{0,80}}downloadstring"
        ),
    ),
    Kind(
        hint=rf"\bch(?:mod|own){B}(?:-|{_OPEN}\b)",
        pattern=(
            rf"\bchmod{B}(?:-\w+{B}|--recursive{B})+{_OPEN}{B}{_ROOT}"
            rf"|\bchmod{B}{_OPEN}{B}(?:-\w+{B}|--recursive{B})+{_ROOT}"
            rf"|\bchown{B}(?:-\w+{B}|--recursive{B})+[\w:.]+{B}{_ROOT}"
        ),
        accept=_recursive,
    ),
    Kind(
        hint=(
            rf"\b(?:powershell|pwsh)(?:[.]exe)?{B}-|certutil|bitsadmin|\bmshta\b|regsvr32|vssadmin"
            rf"|\bformat{B}[a-z]:|\b(?:del|rd|rmdir){B}/|remove-item\b|wbadmin|bcdedit"
        ),
        pattern=(
            rf"\b(?:powershell|pwsh)(?:[.]exe)?{B}(?:-\w+{B}(?:\w+{B})?)*-e(?:nc?\w*"
            rf"|c)?{B}['\"]?[\w+/=]{{16}}"
            rf"|\bcertutil(?:[.]exe)?{B}[^\n]*-urlcache\b|\bbitsadmin{B}/transfer\b"
            rf"|\bmshta{B}(?:https?|vbs|javas)"
            rf"|\bregsvr32\b[^\n]*/i:http|\bvssadmin{B}delete{B}shadows\b|\bwbadmin{B}delete\b"
            rf"|\bbcdedit{B}/set\b|\bformat{B}[a-z]:{B}/|\b(?:del|rd"
            rf"|rmdir)(?:{B}/\w)+{B}['\"]?[a-z]:\\"
            rf"|\bremove-item\b[^\n;|]*-recurse\b[^\n;|]*[\s'\"][a-z]:\\"
        ),
    ),
    Kind(
        hint=rf"\bn(?:c|cat){B}[\w.-]|mkfifo|socat\b|/bin/(?:ba)?sh{B}-i",
        pattern=(
            rf"\bn(?:c|cat){B}(?:[\w.-]+{B})*-\w*[ec]{B}['\"]?(?:/bin/|cmd|powershell)"
            rf"|\bmkfifo{B}[^\n]*/bin/(?:ba)?sh{B}-i|\bsocat\b[^\n]*\bexec:"
            rf"|/bin/(?:ba)?sh{B}-i{B}[^\n]{{0,8}}(?:>|\|)"
        ),
    ),
    Kind(
        hint=(
            rf">\s*/etc/(?:passwd|shadow|sudoers)|kubectl{B}delete|terraform{B}destroy"
            rf"|\baws{B}s3{B}r"
            rf"|rmtree\(|\bkill{B}-9{B}-1|\bfind{B}[/~]|\bmv{B}[/~]"
        ),
        pattern=(
            rf">\s*/etc/(?:passwd|shadow|sudoers)\b|\bkubectl{B}delete\b[^\n]*{B}--all\b"
            rf"|\bterraform{B}destroy\b[^\n]*-auto-approve|\baws{B}s3{B}(?:rb\b[^\n]*--force"
            rf"|rm\b[^\n]*--recursive)"
            rf"|\brmtree\(\s*['\"](?:/|~|[a-z]:\\)['\"]|\bkill{B}-9{B}-1\b"
            rf"|\bfind{B}[/~]{B}[^\n;|]*(?:-delete\b|-exec{B}rm\b)|\bmv{B}[/~]\S*{B}/dev/null"
        ),
    ),
)


def _ordered(accept: Accept) -> Accept:
    """What `accept` finds, where no sentence asks or warns about it."""

    def ordered(data: bytes, start: int, end: int) -> tuple[int, int] | None:
        if _ABOUT.search(data[max(0, start - _SENTENCE) : start]):
            return None
        return accept(data, start, end)

    return ordered


_IN_PROSE = tuple(evolve(kind, accept=_ordered(kind.accept)) for kind in COMMANDS)
_PARAMETER = Detector(
    type="dangerous_command",
    category="dangerous_commands",
    action=Action.BLOCK,
    severity=Severity.HIGH,
    description="The text holds a command that destroys a machine or gives it away.",
    modes=(Mode.PARAMETER,),
    hint=hint_of(COMMANDS),
    find=finder_of(COMMANDS, comments=False),
)
DETECTORS: tuple[Detector, ...] = (
    _PARAMETER,
    evolve(_PARAMETER, modes=(Mode.PROMPT,), find=finder_of(_IN_PROSE, comments=False)),
    evolve(
        _PARAMETER, modes=(Mode.ANSWER,), find=outside_code(finder_of(_IN_PROSE, comments=False))
    ),
)
