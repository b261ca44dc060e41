"""What a proof of a batch takes, by batch and features, beside the figures that papers print of theirs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from chainward.report.tables.groups import Group, Row
from chainward.results.collection import Results
from chainward.results.record import Completed, GasRow

PROOF = "proof"
"""The outcome by which a strategy tells what it proved: batch, features, rows, provers."""

JUDGE = "proof_cost"
"""The judge whose claims quote a paper's own seconds by batch."""


def proof_rows(groups: Sequence[Group], results: Results) -> list[Row]:
    """A row for each kind of trials that proves batches, then what their papers quote; nothing with fewer than two.

    Seconds are those of a round, in which parties prove side by side: modelled, and measured a proof where nothing ran
    beside. Gas is that of a call of the function that took most in the rounds, the one that verifies.
    """
    ours = [_row(one) for one in groups if any(PROOF in trial.outcomes for trial in one.completed)]
    if len(ours) < 2:
        return []
    return ours + [row for name in dict.fromkeys(row["strategy"] for row in ours) for row in _quoted(name, results)]


def _row(group: Group) -> Row:
    trials = [trial for trial in group.completed if PROOF in trial.outcomes]
    told = trials[0].outcomes[PROOF]
    rounds = [entry for trial in trials for entry in trial.rounds]
    alone = [entry.measured_compute_s for trial in trials if not trial.measured.contended for entry in trial.rounds]
    return {
        **group.identity,
        "source": "modelled",
        "batch": told["batch"],
        "features": told["features"],
        "rows": told["rows"],
        "modelled_s": median(entry.latency_s.compute for entry in rounds) if rounds else None,
        "measured_s": median(alone) / told["provers"] if alone else None,
        "quoted_s": None,
        "quoted_ether": None,
        "gas": _gas(trials),
    }


def _gas(trials: Sequence[Completed]) -> float | None:
    """Mean gas of a call of the function that took most gas in the rounds."""
    found: dict[str, list[GasRow]] = {}
    for trial in trials:
        for row in trial.gas_functions:
            if row.phase == "round":
                found.setdefault(row.function, []).append(row)
    if not found:
        return None
    dearest = max(found.values(), key=lambda rows: sum(row.total for row in rows))
    return sum(row.total for row in dearest) / sum(row.calls for row in dearest)


def _quoted(strategy: str, results: Results) -> Iterator[Row]:
    """What the authors print of a proof by batch, as the paper's claim has it."""
    paper = results.papers.get(strategy)
    for claim in paper.claims if paper else ():
        if claim.judge == JUDGE:
            told = {
                "task": "the authors'",
                "strategy": strategy,
                "track": "",
                "label": strategy,
                "setting": claim.claim,
            }
            features = claim.arguments.get("quoted_features")
            quoted = (claim.arguments[name] for name in ("batches", "quoted_s", "quoted_ether"))
            for batch, seconds, ether in zip(*quoted, strict=True):
                sizes = {"batch": batch, "features": features, "rows": None}
                times = {
                    "modelled_s": None,
                    "measured_s": None,
                    "quoted_s": seconds,
                    "quoted_ether": ether,
                    "gas": None,
                }
                yield {**told, "attack": "", "source": f"quoted, {claim.tier}", **sizes, **times}
