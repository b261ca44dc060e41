"""The results in the folder of a report, as frames, charts and a page."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import escape

from chainward.errors import ChainwardError
from chainward.judges import verdicts
from chainward.report import all_tables, frames
from chainward.report.charts import notebook
from chainward.report.formats import NOTHING, printable
from chainward.report.page.html import page
from chainward.report.page.origin import origin_of
from chainward.report.tables.by_name import Tables
from chainward.report.tables.groups import Group, group
from chainward.results import collection, folder
from chainward.results.manifest import Manifest

if TYPE_CHECKING:
    import altair as alt

_SHOWN: Mapping[str, str] = {
    **dict.fromkeys(("task", "setting", "rank", "label"), "{}"),
    **dict.fromkeys(("auroc_mean", "auroc_low", "auroc_high"), "{:.3f}"),
    **dict.fromkeys(("latency_total_s", "gas_total"), "{:,.0f}"),
}
"""What a notebook shows of the leaderboard, and how; the setting only where a task has several."""


@dataclass(frozen=True, repr=False)
class Results:
    """What a plan came to: the trials that the manifest of a report folder names, as frames, charts and a page.

    Every frame has the same columns with the same pandas types whatever is in it; a figure that is not there is NaN or
    NA. The figures are those of the report, and what is measured, modelled or quoted there is so here: accuracy, gas
    and bytes are measured, latency and dollars are modelled. Equal records give equal frames.
    """

    path: Path
    manifest: Manifest
    found: collection.Results = field(compare=False)

    def leaderboard(self) -> pd.DataFrame:
        """Return a row for each strategy in each setting, in the order of the report: by rank, which ties share.

        Text: task, setting, attack, strategy, label, track, title, family, scenario, error, worst_hospital,
        sees_individual_updates, card_sees. Whole numbers: rank, trials, failed, hospitals. True or false:
        tied_with_best, on_front, reference, interpretation, own_learner, compute_apportioned, exceeds_card,
        ended_by_itself. All else is float64, means over the completed trials: rounds; auroc_mean, auroc_low,
        auroc_high (95 %, patients as units); auroc_minus_baseline and auroc_minus_best, each with _low, _high and
        Holm's _p; within_hospital_auroc, auprc, balanced_accuracy, brier, each with _low and _high; accuracy, f1,
        sensitivity, specificity, ppv (at 0.5), calibration_slope, ece, ece_floor, auroc_worst_hospital;
        latency_per_round_s, latency_per_round_p95_s, latency_setup_s, latency_total_s and its parts
        latency_compute_s, latency_network_s, latency_waiting_s, latency_consensus_s, latency_aggregation_s
        (modelled seconds); compute_measured_s; gas_total, gas_deploy, gas_per_round, gas_per_hospital,
        gas_eip7623_total, usd; bytes_per_round, bytes_parties_per_round, bytes_chain_per_round,
        bytes_store_per_round; raw_records_shared.
        """
        return frames.frame(self.tables["leaderboard"], frames.LEADERBOARD)

    def claims(self) -> pd.DataFrame:
        """Return a row for each claim of each strategy's paper, and what these records say of it.

        Text: strategy, key, claim, tier, quoted, verdict, found, why, reproduced and partly (the two sides of the
        rule), first_rule, identity, rule_digest. Whole numbers: trials, how many decide it.
        """
        return frames.frame(frames.claim_rows(self.tables["claims"]), frames.CLAIMS)

    def gas(self) -> pd.DataFrame:
        """Return a row for each contract function in each phase, "setup" or "round", of each strategy and setting.

        Text: task, setting, attack, strategy, label, track, contract, function, phase. Whole numbers: min and max, of
        one call. float64: median, of the trials' medians; calls, total, total_eip7623, reverted, means over trials.
        """
        return frames.frame(self.tables["gas_functions"], frames.GAS)

    def attacks(self) -> pd.DataFrame:
        """Return a row for each strategy under each attack, at the hospitals that do not attack.

        Text: task, setting, attack, strategy, label, track, attackers, note (why there is no figure). Whole numbers:
        rank, trials, asked. float64: auroc_without, auroc_under, drop, each with _low and _high.
        """
        return frames.frame(self.tables["attacks"], frames.ATTACKS)

    def rounds(self) -> pd.DataFrame:
        """Return a row for each round of each completed trial; round 0 is the set-up.

        Text: task, setting, attack, strategy, label, track, record (the trial's id), audience (who saw an update).
        Whole numbers: seed, round, gas, gas_eip7623, bytes_parties, bytes_chain, bytes_store, and how many were
        missing, unreadable, spoiled. float64: validation_auroc, latency_s and its parts latency_compute_s,
        latency_network_s, latency_waiting_s, latency_consensus_s, latency_aggregation_s (modelled seconds).
        """
        return frames.frame(frames.round_rows(self._groups), frames.ROUNDS)

    def predictions(self) -> pd.DataFrame:
        """Return a row for each patient whom a completed trial was tested on: what it predicted, and what came.

        Categories: task, setting, attack, strategy, label, track, record (the trial's id), hospital. Whole numbers:
        seed, patient, outcome (0 or 1). float64: probability.

        Raises:
            ChainwardError: a file of predictions is not the one that its record names.
        """
        return frames.predictions(self._groups, self.found.opener)

    def failed(self) -> pd.DataFrame:
        """Return a row for each trial that failed.

        Text: task, setting, attack, strategy, label, track, record (the trial's id), type, message. Whole numbers:
        seed.
        """
        return frames.frame(frames.failed_rows(self._groups), frames.FAILED)

    def pareto(self, task: str | None = None, setting: str | None = None) -> alt.HConcatChart:
        """Return the chart of AUROC over total gas, with its front, of one task and setting; by default of the first.

        Raises:
            ChainwardError: there is no such task or setting, or no trial of it has completed.
        """
        rows = self.tables["leaderboard"]
        chosen = [row for row in rows if task in (None, row["task"]) and setting in (None, row["setting"])]
        first = chosen[:1]
        of_one = [row for row in chosen if all(row[name] == first[0][name] for name in ("task", "setting"))]
        chart = notebook.pareto(of_one)
        if chart is None:
            known = ", ".join(dict.fromkeys(row["task"] for row in rows)) or "nothing"
            asked = " in ".join(filter(None, (task, setting))) or "anything"
            raise ChainwardError(f"{self.path}: no completed trial of {asked}; it holds {known}, see leaderboard()")
        return chart

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the report's page, one file that needs no other, and return where it is.

        Raises:
            ChainwardError: it cannot be written.
        """
        place = Path(path).expanduser()
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            origin = origin_of(self.path, self.manifest, self.tables)
            place.write_bytes(page(self.tables, self.manifest, None, origin).encode("utf-8", "replace"))
        except OSError as error:
            raise ChainwardError(f"{place}: cannot be written ({error.strerror}); choose another file") from None
        return place

    @cached_property
    def tables(self) -> Tables:
        """Every table of the report by its name, as rows: mappings of columns; what is no figure is None."""
        return all_tables(self.found, verdicts(self.found))

    @cached_property
    def _groups(self) -> tuple[Group, ...]:
        return group(self.found)

    def __repr__(self) -> str:
        """Return the plan, the folder and how many trials there are."""
        failed = len(self.found.records) - len(self.found.completed)
        more = f", {failed} of them failed" if failed else ""
        return f"<Results of {self.manifest.plan} in {self.path}: {len(self.found.records)} trials{more}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: which results these are, and the first columns of the leaderboard."""
        board = self.leaderboard()
        several = len(board[["task", "setting"]].drop_duplicates()) > board["task"].nunique()
        names = [name for name in _SHOWN if several or name != "setting"]
        text = board[names].apply(lambda column: [_cell(value, _SHOWN[str(column.name)]) for value in column])
        table = text.to_html(index=False, border=0, max_rows=60)
        return f"<p>{escape(printable(repr(self)[1:-1]))}</p>\n{table}"


def _cell(value: Any, how: str) -> str:
    return NOTHING if pd.isna(value) else printable(how.format(value))


def load(path: str | os.PathLike[str]) -> Results:
    """Return the results in the folder of a report, checked against its manifest; predictions stay on disk.

    Raises:
        ChainwardError: there is no such report, or a file is not as the manifest says; the message names it.
    """
    place = Path(path).expanduser()
    if not place.is_dir():
        raise ChainwardError(f"{place}: no such folder; give the folder of a report, as reports/demo")
    manifest = folder.read_manifest(place)
    return Results(place, manifest, folder.opened(place, manifest))
