"""`axonflow policy score`: how well the detectors do on labelled texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from axonflow_core.cli.configured_policy import policy_of
from axonflow_core.cli.options import config_option, json_option, mode_option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from axonflow_core.messages import Json
    from axonflow_core.policy.rules import Mode
    from axonflow_core.policy.scoring import Corpus, Score, Share, TypeScore


@click.command("score", short_help="Measure the detectors on labelled texts.")
@click.argument(
    "corpora", metavar="CORPUS…", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--expect",
    "expected",
    metavar="NAME",
    multiple=True,
    help="A type or category that is to be found in every text without `spans`. Default: what the "
    "name of the file says.",
)
@mode_option
@click.option("--cold", "is_cold", is_flag=True, help="Also time each corpus in a new process.")
@json_option
@config_option
def score(
    *,
    corpora: tuple[Path, ...],
    expected: tuple[str, ...],
    mode: str | None,
    is_cold: bool,
    is_json: bool,
    path: Path | None,
) -> None:
    """Measure recall, precision and false alarms on each CORPUS, a file of JSON lines: `{"text":
    …}`, with `"spans": [{"type", "start", "end"}]` where what stands in a text is labelled.

    Of texts without labels the name of the file says what they are: in `sqli-*` an attack is to be
    found, in any other nothing; `answers-*` is what models say, and `*-sql` is SQL. Shares come
    with Wilson's interval of 95 %.
    """
    from axonflow_core.cli.display import write_json, write_line
    from axonflow_core.policy.rules import Mode
    from axonflow_core.policy.scoring import score as scored

    policy, kind = policy_of(path), Mode(mode) if mode else None
    read = [_corpus(each, kind, expected) for each in corpora]
    described: list[Json] = []
    for file, corpus in zip(corpora, read, strict=True):
        result = scored(policy, corpus)
        cold = _cold(file, corpus, path) if is_cold else None
        if is_json:
            described.append(_described(result, cold))
        else:
            for line in _lines(result, cold):
                write_line(line)
    if is_json:
        write_json(described)


def _corpus(path: Path, mode: Mode | None, expected: tuple[str, ...]) -> Corpus:
    from axonflow_core.policy.scoring import corpus_in

    try:
        return corpus_in(path, mode=mode, expected=expected or None)
    except UnicodeDecodeError:
        raise click.UsageError(f"{path} is not UTF-8") from None
    except OSError as error:
        raise click.UsageError(f"cannot read {path}: {error.strerror}") from None


class _Cold:
    """The same corpus in a new process."""

    def __init__(self, build_ms: float, first_ms: float, slowest_ms: float) -> None:
        self.build_ms = build_ms
        """Until the policy is ready."""
        self.first_ms = first_ms
        """The first text."""
        self.slowest_ms = slowest_ms


def _cold(file: Path, corpus: Corpus, path: Path | None) -> _Cold:
    """What a process takes that has searched nothing before."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return _Cold(*pool.submit(_timed, file, corpus.mode, path).result())


def _timed(file: Path, mode: Mode, path: Path | None) -> tuple[float, float, float]:
    from time import perf_counter

    from axonflow_core.policy.scoring import corpus_in

    corpus = corpus_in(file, mode=mode)
    began = perf_counter()
    policy = policy_of(path)
    build, times = perf_counter() - began, [0.0]
    for sample in corpus.samples:
        began = perf_counter()
        policy.evaluate(corpus.phase, {"text": sample.text}, {"text": mode})
        times.append(perf_counter() - began)
    return build * 1e3, times[min(1, len(times) - 1)] * 1e3, max(times) * 1e3


def _lines(score: Score, cold: _Cold | None) -> Iterator[str]:
    corpus = score.corpus
    expected = f", {' or '.join(corpus.expected)} expected" if corpus.expected else ""
    yield f"{corpus.name}: {len(corpus.samples):,} texts, {corpus.mode}{expected}"
    if corpus.expected:
        yield f"  found        {_share(score.found)}"
    for name, one in [*score.types.items(), ("all", score.total)] if score.types else ():
        yield f"  {name:<12} {_type(one)}"
    yield f"  stopped      {_share(score.stopped)}"
    yield f"  false alarms {_share(score.alarms)}, critical {_share(score.critical)}"
    if score.wrong:
        yield f"               {', '.join(f'{name} {n}' for name, n in score.wrong.items())}"
    if score.characters:
        for_each = score.seconds / score.characters * 1e9
        yield f"  time         {for_each:.0f} µs/1,000 characters, slowest text " + (
            f"{score.slowest_s * 1e3:.2f} ms"
        )
    if cold is not None:
        yield (
            f"  cold         ready in {cold.build_ms:.0f} ms, first text {cold.first_ms:.2f} ms, "
            f"slowest {cold.slowest_ms:.2f} ms"
        )


def _share(share: Share) -> str:
    if share.value is None:
        return "none"
    low, high = share.interval
    return f"{share.part:,} of {share.whole:,} = {share.value:.4f} [{low:.4f}, {high:.4f}]"


def _type(one: TypeScore) -> str:
    f2 = "none" if one.f2 is None else f"{one.f2:.3f}"
    return f"recall {_share(one.recall)}, precision {_share(one.precision)}, F2 {f2}"


def _described(score: Score, cold: _Cold | None) -> Json:
    corpus = score.corpus
    types: dict[str, Json] = {
        name: {
            "recall": _counted(one.recall),
            "precision": _counted(one.precision),
            "f2": one.f2,
        }
        for name, one in score.types.items()
    }
    described: dict[str, Json] = {
        "corpus": corpus.name,
        "texts": len(corpus.samples),
        "mode": corpus.mode,
        "expected": list(corpus.expected),
        "found": _counted(score.found),
        "types": types,
        "f2": score.total.f2,
        "stopped": _counted(score.stopped),
        "alarms": _counted(score.alarms),
        "critical": _counted(score.critical),
        "wrong": dict(score.wrong),
        "seconds": score.seconds,
        "slowest_seconds": score.slowest_s,
        "characters": score.characters,
    }
    return described | ({"cold": vars(cold)} if cold is not None else {})


def _counted(share: Share) -> Json:
    return {"part": share.part, "of": share.whole, "share": share.value, "interval": share.interval}
