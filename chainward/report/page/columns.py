"""What each column of the page shows, in which unit, and whether it was measured, modelled or quoted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Label = Literal["measured", "modelled", "quoted", ""]
LOW: tuple[str, ...] = (
    *("gas", "latency", "usd", "bytes", "rank", "drop", "brier", "ece", "raw_", "compute", "transactions", "total"),
    *("min", "median", "max", "modelled", "measured", "quoted", "round", "seed", "calls", "reverted"),
)
"""How the keys of columns start whose low end is the useful one."""


@dataclass(frozen=True)
class Column:
    """One column: the row's field, its heading, its label, how a cell is written.

    `style` is a name of `formats.STYLES`, or one that the page writes in a way of its own: text, strategy, interval,
    bounded, difference, rank, compute, worst, hospital, record, anchor, digest, status, audience, long. No label means
    that the column says what was run rather than what came out.
    """

    key: str
    title: str
    label: Label = ""
    style: str = "text"
    help: str = ""

    @property
    def numeric(self) -> bool:
        """Whether cells stand right and sort as numbers."""
        return self.style in {
            "integer",
            "fixed",
            "significant",
            "count",
            "usd",
            "bytes",
            "interval",
            "bounded",
            "difference",
            "loss",
            "compute",
            "asked",
            "rank",
            "worst",
        }

    @property
    def first(self) -> str:
        """Which way it is sorted first: the useful end, which is the low one of costs, errors and ranks."""
        figure = self.numeric or self.style == "hospital"
        return "descending" if figure and not self.key.startswith(LOW) else "ascending"


STRATEGY = Column("label", "Strategy", style="strategy", help="Its card, with the citation, is further down.")
RANK = Column(
    "rank",
    "Rank",
    "measured",
    "rank",
    "One more than the number of rows told apart above; rows that cannot be told apart may share it. "
    "= marks those not told apart from the best paper.",
)
TRIALS = Column("trials", "Trials", style="count", help="Seeds run; failed ones in red. Who lacks one has no rank.")
ROUNDS = Column("rounds", "Rounds", style="count", help="Rounds used, mean over trials.")
AUROC = Column(
    "auroc_mean",
    "AUROC [95 %]",
    "measured",
    "interval",
    "Mean over seeds; the patient is the unit, through all seeds. Sorted by rank.",
)
GAS_TOTAL = Column("gas_total", "Gas, total", "measured", "integer", "Set-up and all rounds, from receipts.")
SEES = Column(
    "sees_individual_updates", "Sees updates", "measured", help="The widest audience that opened one hospital's update."
)
EYES = Column("eyes", "Who sees", "measured", help="One hospital’s update: from nobody, by noised ones, to everyone.")
RAW = Column("raw_records_shared", "Raw records", "measured", "count", "Patients' records that left their hospital.")
LATENCY = Column(
    "latency_per_round_s", "Latency a round, s", "modelled", "significant", "Median over rounds, virtual clock."
)
LATENCY_TOTAL = Column("latency_total_s", "Latency, total, s", "modelled", "significant", "Set-up and all rounds.")
USD = Column("usd", "USD", "modelled", "usd", "Total gas at the price of this setting's own chain.")
BASELINE = Column(
    "auroc_minus_baseline",
    "Minus fedavg",
    "measured",
    "difference",
    "Paired patient by patient; bold where told apart (Holm over all pairs of this table).",
)
BEST = replace(BASELINE, key="auroc_minus_best", title="Minus the best paper’s")
WITHIN = Column(
    "within_hospital_auroc",
    "Within hospitals",
    "measured",
    "bounded",
    "AUROC over pairs of one hospital only: what prevalence alone cannot raise above 0.5.",
)

WORST = Column(
    "auroc_worst_hospital",
    "Worst hospital",
    "measured",
    "worst",
    "Lowest AUROC among hospitals where one is estimable.",
)
GAS_A_ROUND = Column("gas_per_round", "Gas a round", "measured", "integer", "Mean over rounds, set-up apart.")

LEADERBOARD = (
    STRATEGY,
    RANK,
    AUROC,
    GAS_TOTAL,
    LATENCY_TOTAL,
    USD,
    EYES,
    RAW,
    BASELINE,
    BEST,
    WITHIN,
    WORST,
    GAS_A_ROUND,
    LATENCY,
    ROUNDS,
    TRIALS,
)
ACCURACY = (
    STRATEGY,
    AUROC,
    Column("auprc", "AUPRC", "measured", "bounded", "Mean over seeds."),
    Column("brier", "Brier", "measured", "bounded", "Mean squared error of the probability; lower is better."),
    Column("ece", "ECE", "measured", "fixed", "Calibration error of all out-of-fold predictions, 15 equal-mass bins."),
    Column("ece_floor", "ECE, floor", "modelled", "fixed", "What a perfectly calibrated model would show by chance."),
    Column("calibration_slope", "Slope", "measured", "fixed", "1 is right; below 1 probabilities are too extreme."),
    Column("balanced_accuracy", "Balanced accuracy", "measured", "bounded", "At 0.5."),
    Column("accuracy", "Accuracy", "measured", "fixed", "At 0.5; where few are positive, the next four say more."),
    Column("sensitivity", "Sensitivity", "measured", "fixed", "Share of positives called so, at 0.5."),
    Column("specificity", "Specificity", "measured", "fixed", "Share of negatives called so, at 0.5."),
    Column("ppv", "PPV", "measured", "fixed", "Share of those called positive who are, at 0.5."),
    Column("f1", "F1", "measured", "fixed", "At 0.5: the harmonic mean of sensitivity and PPV."),
)
TIME = (
    STRATEGY,
    LATENCY,
    Column("latency_per_round_p95_s", "95th percentile, s", "modelled", "significant"),
    Column("latency_setup_s", "Set-up, s", "modelled", "significant"),
    LATENCY_TOTAL,
    Column("latency_compute_s", "compute", "modelled", "significant"),
    Column("compute_measured_s", "compute here", "measured", "compute", "None where other workers ran beside it."),
    Column("latency_network_s", "network", "modelled", "significant"),
    Column("latency_waiting_s", "waiting", "modelled", "significant"),
    Column("latency_consensus_s", "consensus", "modelled", "significant"),
    Column("latency_aggregation_s", "aggregation", "modelled", "significant"),
)
FEES = (
    STRATEGY,
    Column("gas_deploy", "Gas, set-up", "measured", "integer", "Contract creation and registration."),
    GAS_A_ROUND,
    GAS_TOTAL,
    Column("gas_per_hospital", "Gas a hospital", "measured", "integer", "Total over hospitals."),
    Column("gas_eip7623_total", "Total, EIP-7623", "modelled", "integer", "Total with the calldata floor price."),
    USD,
    Column("usd_l1_calm", "elsewhere: L1 calm", "modelled", "usd", "The same gas on layer 1, whose blocks take 12 s."),
    Column("usd_l1_busy", "L1 busy", "modelled", "usd", "The same gas on layer 1 on a busy day."),
    Column("usd_rollup", "rollup", "modelled", "usd", "Execution and data fee, envelopes of transactions included."),
    Column("usd_private", "private", "modelled", "usd", "The same gas on a private chain."),
)
TRAFFIC = (
    STRATEGY,
    replace(SEES, style="audience"),
    Column("card_sees", "Card says", "quoted", help="What the paper's description promises."),
    RAW,
    Column("bytes_per_round", "Bytes a round", "measured", "bytes"),
    Column("bytes_parties_per_round", "between parties", "measured", "bytes"),
    Column("bytes_chain_per_round", "on chain", "measured", "bytes"),
    Column("bytes_store_per_round", "in the store", "measured", "bytes"),
)
ATTACKS = (
    STRATEGY,
    replace(RANK, help="By what is lost, least first; rows that cannot be told apart may share it."),
    Column("asked", "Trials", style="asked", help="Seeds that ran both ways, of those asked for."),
    Column("attackers", "Attackers", "measured", "text", "Of how many hospitals."),
    Column("auroc_without", "No attack", "measured", "bounded", "AUROC at honest hospitals, mean over seeds."),
    Column("auroc_under", "Attacked", "measured", "bounded", "AUROC at honest hospitals, mean over seeds."),
    Column("drop", "Drop", "measured", "loss", "Without minus with the attack, paired patient by patient."),
    Column("note", "Note"),
)
GAS_FUNCTIONS = (
    Column("label", "Strategy", style="strategy"),
    Column("contract", "Contract"),
    Column("function", "Function"),
    Column("phase", "Phase"),
    Column("calls", "Calls a trial", "measured", "count"),
    Column("min", "Min", "measured", "integer"),
    Column("median", "Median", "measured", "integer"),
    Column("max", "Max", "measured", "integer"),
    Column("total", "Total a trial", "measured", "integer"),
    Column("total_eip7623", "Total, EIP-7623", "modelled", "integer"),
    Column("reverted", "Reverted", "measured", "count"),
)
CURVES = (
    Column("label", "Strategy", style="strategy"),
    Column("round", "Round", style="integer"),
    Column("trials", "Seeds", style="count"),
    Column("auroc_mean", "Validation AUROC", "measured", "fixed"),
    Column("auroc_min", "Least", "measured", "fixed"),
    Column("auroc_max", "Greatest", "measured", "fixed"),
)
PARTITION = (
    Column("hospital", "Hospital"),
    Column("seeds", "Seeds", style="count"),
    Column("train", "Train", "measured", "count", "Patients, mean over seeds."),
    Column("validation", "Validation", "measured", "count", "Patients, mean over seeds."),
    Column("test", "Test", "measured", "count", "Patients, mean over seeds."),
    Column("tested", "Tested", "measured", "count", "Distinct patients over all seeds."),
    Column("prevalence", "With the outcome", "measured", "fixed", "Share of those tested."),
)
OUTCOMES = (
    Column("label", "Strategy", style="strategy"),
    Column("task", "Task"),
    Column("setting", "Setting", style="long"),
    Column("quantity", "Quantity"),
    Column("party", "Party or part"),
    Column("value", "Mean over trials", "measured", "significant"),
)
PROOFS = (
    Column("label", "Strategy", style="strategy"),
    Column("task", "Task"),
    Column("track", "Track"),
    Column("source", "Figures"),
    Column("batch", "Batch", "", "integer"),
    Column("features", "Features", "", "integer"),
    Column("rows", "Rows", "measured", "integer"),
    Column("modelled_s", "Proof, s", "modelled", "significant"),
    Column("measured_s", "Proof here, s", "measured", "significant"),
    Column("quoted_s", "Authors, s", "quoted", "significant"),
    Column("quoted_ether", "Authors, ether", "quoted", "significant"),
    Column("gas", "Gas of a verified update", "measured", "integer"),
)
NUMBERS = (
    Column("label", "Strategy", style="strategy"),
    Column("task", "Task"),
    Column("setting", "Setting", style="long"),
    Column("kind", "Kind"),
    Column("name", "Name"),
    Column("value", "Value"),
)
FAILED = (
    Column("label", "Strategy", style="strategy"),
    Column("task", "Task"),
    Column("seed", "Seed", style="integer"),
    Column("id", "Record", style="record"),
    Column("type", "Error"),
    Column("message", "Message", style="long"),
)
RECORDS = (
    Column("id", "Record", style="anchor"),
    Column("label", "Strategy", style="strategy"),
    Column("task", "Task"),
    Column("setting", "Setting", style="long"),
    Column("seed", "Seed", style="integer"),
    Column("status", "Status", style="status"),
    Column("data_digest", "Data", style="digest"),
    Column("code_digest", "Code", style="digest"),
    Column("created", "Created"),
)
PROVENANCE = (
    Column("trials", "Trials", style="count"),
    Column("commit", "Commit", style="digest"),
    Column("platform", "Platform", style="long"),
    Column("device", "Device"),
    Column("versions", "Versions", style="long"),
    Column("first", "First"),
    Column("last", "Last"),
)


def hospital_columns(names: tuple[str, ...]) -> tuple[Column, ...]:
    """Strategies by hospitals; the key of a hospital's column is its place, since its name comes from outside."""
    cell = Column("", "", "measured", "hospital")
    return (STRATEGY, *(replace(cell, key=f"hospital_{i}", title=name) for i, name in enumerate(names)))
