"""Two snapshots -> what changed between them, line by line. Trials are paired by seed and patients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from chainward.results import moves
from chainward.results.moves import Accuracy, Cost, Pair, Time
from chainward.results.snapshots import Line, Snapshot


@dataclass(frozen=True)
class Change:
    """One line before and after. `costs` are gas, latency, bytes and disclosures; without paired trials there are none.

    `pairs` counts them, `uncompared` says which trials of both are none, `missing` are seeds that only the first has,
    `newly_failed` says why trials failed that ended before, `notes` what else is to be known.
    """

    before: Line
    after: Line
    pairs: int
    notes: tuple[str, ...]
    uncompared: str
    newly_failed: Mapping[str, str]
    missing: tuple[int, ...]
    accuracy: Accuracy | None
    costs: Mapping[str, Cost]
    time: Time | None

    @property
    def equal(self) -> bool:
        """Whether nothing changed but measured time and what rounding explains."""
        costs = any(cost.moved for cost in self.costs.values())
        lost = self.uncompared or self.newly_failed or self.missing or self.notes
        return self.accuracy is not None and self.accuracy.equal and not costs and not lost

    @property
    def other_code(self) -> bool:
        """Whether the code that can change its figures is another."""
        return self.before.code != self.after.code


@dataclass(frozen=True)
class Changes:
    """All lines of two snapshots: those that both have, and those that only the second or only the first has.
    `versions` are those that are others, before and after, by package."""

    lines: tuple[Change, ...]
    added: tuple[Line, ...]
    removed: tuple[Line, ...]
    versions: Mapping[str, tuple[str, str]]


def changes(before: Snapshot, after: Snapshot) -> Changes:
    """Compare two snapshots. Lines are matched by all that is set but the seed, and what is left by task, setting and
    label, which tell no parameters that all lines of a report share.

    Raises:
        Unsound: the predictions of one are none.
    """
    pairs, olds, news = _matched(before.lines, after.lines, lambda line: line.key)
    named, olds, news = _matched(olds, news, lambda line: (line.task, line.setting, line.label))
    found = [_change(old, new, before, after) for old, new in [*pairs, *named]]
    order = {line.key: place for place, line in enumerate(after.lines)}
    ordered = sorted(found, key=lambda one: order[one.after.key])
    return Changes(tuple(ordered), tuple(news), tuple(olds), _versions(before.versions, after.versions))


def _versions(olds: Mapping[str, str], news: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    pairs = {name: (olds.get(name, "none"), news.get(name, "none")) for name in sorted({*olds, *news})}
    return {name: (old, new) for name, (old, new) in pairs.items() if old != new}


def _matched(
    olds: Sequence[Line], news: Sequence[Line], name: Callable[[Line], object]
) -> tuple[list[tuple[Line, Line]], list[Line], list[Line]]:
    """Pairs of lines of one name, where each side has one; and the rest of both sides."""
    counts = [Counter(map(name, lines)) for lines in (olds, news)]
    old = {name(line): line for line in olds if counts[0][name(line)] == counts[1][name(line)] == 1}
    pairs = [(old[name(line)], line) for line in news if name(line) in old]
    return (
        pairs,
        [line for line in olds if name(line) not in old],
        [line for line in news if name(line) not in old],
    )


def _change(old: Line, new: Line, before: Snapshot, after: Snapshot) -> Change:
    seeds = {one.seed: one for one in old.trials}
    pairs = [(seeds[one.seed], one) for one in new.trials if one.seed in seeds]
    same = [pair for pair in pairs if before.tested[pair[0].tested] == after.tested[pair[1].tested]]
    accuracy = _accuracy(same, old, before, after) if same else None
    failed = {seed: why for seed, why in new.failed.items() if int(seed) in seeds}
    known = {one.seed for one in new.trials} | {int(seed) for seed in new.failed}
    return Change(
        before=old,
        after=new,
        pairs=len(same),
        notes=tuple(_notes(old, new, same)),
        uncompared=_uncompared(pairs, same),
        newly_failed=failed,
        missing=tuple(sorted(seeds.keys() - known)),
        accuracy=accuracy,
        costs=moves.costs(same, exact=accuracy.equal) if accuracy else {},
        time=moves.time(same),
    )


def _accuracy(pairs: Sequence[Pair], line: Line, before: Snapshot, after: Snapshot) -> Accuracy:
    olds, news = [before.predictions(one) for one, _ in pairs], [after.predictions(one) for _, one in pairs]
    return moves.accuracy(olds, news, leaves_out=line.leaves_out)


def _notes(old: Line, new: Line, pairs: Sequence[Pair]) -> Iterator[str]:
    if old.key != new.key:
        yield "other rounds or parameters are set"
    if others := [one.seed for one, two in pairs if one.data != two.data]:
        yield f"the same patients have other data: {_seeds(others)}"
    if added := {one.seed for one in new.trials} - {one.seed for one in old.trials}:
        yield f"only in the second: {_seeds(sorted(added))}"


def _uncompared(pairs: Sequence[Pair], same: Sequence[Pair]) -> str:
    other = [one.seed for one, _ in pairs if all(one is not mine for mine, _ in same)]
    return f"not compared, since other patients are tested: {_seeds(other)}" if other else ""


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
