"""Trials of one group -> their latency, gas, bytes and disclosures: means over trials, null without any."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, median

from chainward.report.tables.groups import Row
from chainward.results.record import Completed
from chainward.strategy import Card
from chainward.world.clock import PARTS

PLACES = ("parties", "chain", "store")


def latency_figures(trials: Sequence[Completed]) -> Row:
    """Modelled seconds: median and 95th percentile over all rounds; totals are set-up and all rounds together."""
    rounds = [seconds for trial in trials for seconds in trial.rounds.latency_s.totals()]
    parts = {f"latency_{part}_s": mean(_part(trial, part) for trial in trials) for part in PARTS}
    alone = [trial.measured for trial in trials if not trial.measured.contended]
    return {
        "latency_per_round_s": median(rounds) if rounds else None,
        "latency_per_round_p95_s": percentile(rounds, 95),
        "latency_setup_s": mean(trial.setup.latency_s.total for trial in trials),
        "latency_total_s": sum(value for value in parts.values() if value is not None) if trials else None,
        **parts,
        "compute_measured_s": mean(one.compute_s for one in alone),
        "compute_apportioned": any(one.apportioned for one in alone),
    }


def gas_figures(trials: Sequence[Completed]) -> Row:
    """Measured gas; the total is set-up (contract creation and registration) and all rounds together."""
    rounds = [sum(trial.rounds.gas) for trial in trials]
    totals = [trial.setup.gas + gas for gas, trial in zip(rounds, trials, strict=True)]
    return {
        "gas_per_round": mean(_over(gas, len(trial.rounds)) for gas, trial in zip(rounds, trials, strict=True)),
        "gas_total": mean(totals),
        "gas_deploy": mean(trial.setup.gas for trial in trials),
        "gas_per_hospital": mean(_over(gas, len(trial.hospitals)) for gas, trial in zip(totals, trials, strict=True)),
        "gas_eip7623_total": mean(trial.setup.gas_eip7623 + sum(trial.rounds.gas_eip7623) for trial in trials),
    }


def bytes_figures(trials: Sequence[Completed]) -> Row:
    """Measured bytes a round, by where they went."""
    places = {
        f"bytes_{place}_per_round": mean(
            _over(sum(getattr(trial.rounds.bytes, place)), len(trial.rounds)) for trial in trials
        )
        for place in PLACES
    }
    total = sum(value for value in places.values() if value is not None) if trials else None
    return {"bytes_per_round": total, **places}


def privacy_figures(trials: Sequence[Completed], card: Card | None) -> Row:
    """Measured disclosure: the widest audience of any trial, beside what the card promises, and raw records shared."""
    seen = max((trial.facts.sees_individual_updates for trial in trials), key=lambda one: one.rank, default=None)
    promised = card.sees_individual_updates if card and trials else None
    return {
        "sees_individual_updates": seen,
        "card_sees": promised,
        "exceeds_card": seen is not None and promised is not None and seen.rank > promised.rank,
        "raw_records_shared": mean(trial.facts.raw_records_shared for trial in trials),
        "ended_by_itself": all(trial.facts.ended_by_itself for trial in trials) if trials else None,
    }


def mean(values: Iterable[float]) -> float | None:
    """Mean, null of nothing."""
    known = [float(value) for value in values]
    return fmean(known) if known else None


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Percentile with linear interpolation between order statistics (numpy's default), null of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    position = (len(ordered) - 1) * percent / 100
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (position - low) * (ordered[high] - ordered[low])


def on_chain(trial: Completed) -> float:
    """Bytes one trial put on chain."""
    return float(trial.setup.bytes.chain + sum(trial.rounds.bytes.chain))


def transactions(trial: Completed) -> float:
    """How many transactions one trial sent, those that create contracts among them."""
    return float(trial.rounds.transactions[-1] if len(trial.rounds) else trial.setup.transactions)


def _part(trial: Completed, part: str) -> float:
    return float(getattr(trial.setup.latency_s, part) + sum(getattr(trial.rounds.latency_s, part)))


def _over(total: float, count: int) -> float:
    return total / count if count else 0.0
