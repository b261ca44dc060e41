"""What may be asked of a paper, and each need held against one: its standing, and the figure that decides. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chainward.report.tables.evidence import Evidence, Line
from chainward.report.tables.needs import NOT_TRIED, PAY
from chainward.report.tables.reach import Reach, gas_of, per_size, run_at
from chainward.report.tables.standing import Judged, Standing, at_least, at_most, fact
from chainward.report.tables.threatened import threatened

PRIVACY = ("no-raw-data", "noised-or-hidden", "no-individual-updates")
"""From the weakest to the strictest; each asks for those before it too."""

SCENARIOS: Mapping[str, str] = {
    "l1-calm": "usd_l1_calm",
    "l1-busy": "usd_l1_busy",
    "rollup": "usd_rollup",
    "private": "usd_private",
    "own": "usd",
}
"""Where gas costs what, by the column of the leaderboard."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What is asked for; None, empty and False ask for nothing. `hospitals` and `rounds` say of which training.

    Budgets are USD of a whole training, of all hospitals together or of each; latency is that of one round.
    """

    task: str | None = None
    hospitals: int | None = None
    rounds: int | None = None
    budget_usd: float | None = None
    hospital_budget_usd: float | None = None
    scenario: str = "l1-calm"
    max_latency_s: float | None = None
    min_auroc: float | None = None
    threats: tuple[str, ...] = ()
    privacy: str | None = None
    absence: bool = False
    pays: bool = False


def judged(line: Line, lines: Sequence[Line], found: Evidence, needs: Needs) -> Iterator[Judged]:
    """Each need that is named, and whether the trials ended at all."""
    if not line.whole:
        yield Judged("trials", Standing.UNKNOWN, f"{line.failed} of {line.trials} trials failed")
    yield from _accuracy(line, lines, needs)
    yield from _costs(line, lines, needs)
    yield from _latency(lines, needs)
    for kind in needs.threats:
        yield _attacked(kind, line, lines, found, needs)
    yield from _privacy(line, found, needs)
    if needs.absence:
        yield _absence(line, found)
    if needs.pays:
        yield _pays(line, found)


def _accuracy(line: Line, lines: Sequence[Line], needs: Needs) -> Iterator[Judged]:
    if needs.min_auroc is None:
        return
    missing = _unknown_after(line, needs) or _unknown_at(lines, needs.hospitals)
    there = needs.hospitals in (None, line.hospitals) and not _unknown_after(line, needs)
    known = there and line.auroc_low is not None and line.auroc_high is not None
    bounds = Reach(line.auroc_low or 0.0, line.auroc_high or 0.0, f"AUROC {auroc(line)}, {run_at(line)}")
    yield at_least(f"AUROC {needs.min_auroc:g}", needs.min_auroc, bounds if known else None, str, missing)


def auroc(line: Line) -> str:
    """AUROC with its interval, in words."""
    if line.auroc_mean is None or line.auroc_low is None or line.auroc_high is None:
        return "no AUROC"
    return f"{line.auroc_mean:.3f} [{line.auroc_low:.3f}, {line.auroc_high:.3f}]"


def _unknown_at(lines: Sequence[Line], hospitals: int | None) -> str:
    sizes = sorted({line.hospitals for line in lines})
    if hospitals is None or hospitals in sizes:
        return "not known"
    return f"run at {', '.join(map(str, sizes))} hospitals: not known for {hospitals}"


def _unknown_after(line: Line, needs: Needs) -> str:
    """Why accuracy is not known after so many rounds; empty where they ran, or it ended by itself before."""
    if needs.rounds is None or line.rounds is None or needs.rounds == line.rounds:
        return ""
    if line.ended_by_itself and needs.rounds > line.rounds:
        return ""
    return f"measured after {line.rounds:g} rounds: not known after {needs.rounds}"


def _costs(line: Line, lines: Sequence[Line], needs: Needs) -> Iterator[Judged]:
    """Budgets of all hospitals and of one."""
    count = needs.hospitals or line.hospitals
    limits = ((needs.budget_usd, 1, "a training"), (needs.hospital_budget_usd, count, "a hospital and training"))
    for limit, parts, of_what in limits:
        if limit is not None:
            cost = _cost(line, lines, needs)
            shared = cost and Reach(cost.low / parts, cost.high / parts, cost.rests)
            need = f"{limit:,.10g} USD {of_what} ({needs.scenario})"
            yield at_most(need, limit, shared, _usd, _unknown_at(lines, needs.hospitals))


def _usd(amount: float) -> str:
    return f"{amount:,.0f} USD" if amount >= 100 else f"{amount:,.2f} USD"


def _cost(line: Line, lines: Sequence[Line], needs: Needs) -> Reach | None:
    """USD of a training: gas at its price. Data of a rollup cost apart, so that other rounds bound it only."""
    total, gas = getattr(line, SCENARIOS[needs.scenario]), gas_of(lines, needs.hospitals, needs.rounds)
    if total is None or gas is None:
        return None
    rests = f"gas {gas.low:,.0f}, {gas.rests}; prices are modelled"
    if needs.scenario != "rollup" or not line.gas_total:
        price = total / line.gas_total if line.gas_total else 0.0
        return Reach(gas.low * price, gas.high * price, rests)
    if needs.hospitals not in (None, line.hospitals):
        return None
    share = (needs.rounds or line.rounds or 1.0) / (line.rounds or 1.0)
    most = 1.0 if line.ended_by_itself else max(1.0, share)
    return Reach(total * min(1.0, share), total * most, rests)


def _latency(lines: Sequence[Line], needs: Needs) -> Iterator[Judged]:
    """Median and 95th percentile of a round: both must be within, so that the higher one decides."""
    if needs.max_latency_s is None:
        return
    ends = [per_size(lines, needs.hospitals, f"latency_per_round{name}_s") for name in ("", "_p95")]
    median, most = ends
    found = None
    if median is not None and most is not None:
        words = f"95th percentile of a round (median {median.high:.4g} s), modelled on a virtual clock, {most.rests}"
        found = Reach(max(median.low, most.low), max(median.high, most.high), words)
    missing = _unknown_at(lines, needs.hospitals)
    yield at_most(f"{needs.max_latency_s:g} s a round", needs.max_latency_s, found, lambda s: f"{s:.4g} s", missing)


def _attacked(kind: str, line: Line, lines: Sequence[Line], found: Evidence, needs: Needs) -> Judged:
    """Trials of this row's setting under attack, and tests on the card, which are of no size."""
    drops = [one for one in found.tables.attacks if _of(one, line)]
    tried = next((card.threats for card in found.tables.cards if card.strategy == line.strategy), ())
    if needs.hospitals in (None, line.hospitals):
        return threatened(kind, drops, tried)
    elsewhere = threatened(kind, drops, ()).reason != NOT_TRIED
    judged = threatened(kind, (), tried)
    unknown = elsewhere and judged.standing == Standing.UNKNOWN
    return replace(judged, reason=_unknown_at(lines, needs.hospitals)) if unknown else judged


def _privacy(line: Line, found: Evidence, needs: Needs) -> Iterator[Judged]:
    """What the meter saw, rung by rung up to the one that is asked for."""
    for rung in PRIVACY[: PRIVACY.index(needs.privacy) + 1] if needs.privacy else ():
        if line.raw_records_shared is None or line.sees_individual_updates is None:
            yield Judged(rung, Standing.UNKNOWN, "no trial ended")
        elif rung == "no-raw-data":
            told = f"{line.raw_records_shared:,.10g} raw records left their hospitals, metered"
            yield fact(rung, line.raw_records_shared == 0, told)
        else:
            plain = {one.audience for one in _opened(line, found) if one.kind == "individual update"}
            hidden = line.sees_individual_updates == "nobody" or (rung == "noised-or-hidden" and not plain)
            noise = ", with noise" if not plain and line.sees_individual_updates != "nobody" else ""
            yield fact(rung, hidden, f"individual updates are seen by {line.sees_individual_updates}{noise}, metered")


def _opened(line: Line, found: Evidence) -> list[Any]:
    return [one for one in found.tables.disclosures if _of(one, line)]


def _absence(line: Line, found: Evidence) -> Judged:
    card = next((card for card in found.tables.cards if card.strategy == line.strategy), None)
    if card is None:
        return Judged("absence", Standing.UNKNOWN, "its card is not at hand")
    words = "goes on" if card.tolerates_absence else "does not go on"
    return fact(
        "absence", card.tolerates_absence, f"it {words} without an absent hospital, by its card, which is tested"
    )


def _pays(line: Line, found: Evidence) -> Judged:
    """Whether a hospital was ever paid."""
    names = {one.hospital for one in found.tables.hospitals if _of(one, line)}
    decided = [one for one in found.tables.outcomes if _of(one, line) and one.quantity in PAY]
    paid = sorted({one.quantity for one in decided if one.party in names and one.value > 0})
    words = f"hospitals got {', '.join(paid)}" if paid else "no hospital was paid anything"
    return fact("pays", bool(paid), f"{words} in these trials")


def _of(one: Any, line: Line) -> bool:
    return (one.task, one.label, one.setting) == (line.task, line.label, line.setting)
