"""All tables of a report at once, by name: what is written as CSV, as JSON and on the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chainward.report.tables import details
from chainward.report.tables.assumptions import Assumptions
from chainward.report.tables.attacks import attack_rows
from chainward.report.tables.details import Verdict
from chainward.report.tables.groups import Record, Row
from chainward.report.tables.leaderboard import leaderboard_rows

Tables = dict[str, list[Row]]


def all_tables(
    records: Sequence[Record], verdicts: Iterable[Verdict], assumptions: Assumptions | None = None
) -> Tables:
    """Every table of the report, whatever the order of the records."""
    ordered = sorted(records, key=lambda record: record["id"])
    leaderboard = leaderboard_rows(ordered, assumptions)
    return {
        "leaderboard": leaderboard,
        "hospitals": details.hospital_rows(leaderboard),
        "learning_curves": details.learning_curve_rows(ordered),
        "gas_functions": details.gas_function_rows(ordered),
        "disclosures": details.disclosure_rows(ordered),
        "attacks": attack_rows(ordered),
        "outcomes": details.outcome_rows(ordered),
        "claims": details.claim_rows(ordered, verdicts),
        "numbers": details.number_rows(ordered),
        "cards": details.card_rows(ordered),
        "failed": details.failed_rows(ordered),
        "provenance": details.provenance_rows(ordered),
        "records": details.record_rows(ordered),
    }
