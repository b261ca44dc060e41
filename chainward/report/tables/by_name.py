"""Every table of a report by its name: what is written as CSV, as JSON and on the page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from chainward.report.tables import measured, provenance
from chainward.report.tables.assumptions import Assumptions
from chainward.report.tables.attacks import attack_rows
from chainward.report.tables.groups import Row
from chainward.report.tables.leaderboard import leaderboard_rows
from chainward.report.tables.papers import Verdict, card_rows, claim_rows, number_rows
from chainward.results.collection import Results

Tables = dict[str, list[Row]]


def all_tables(results: Results, verdicts: Iterable[Verdict], assumptions: Assumptions | None = None) -> Tables:
    """Every table of the report, whatever the order of the records."""
    ordered = replace(results, records=tuple(sorted(results.records, key=lambda record: record.id)))
    leaderboard = leaderboard_rows(ordered, assumptions)
    return {
        "leaderboard": leaderboard,
        "hospitals": measured.hospital_rows(leaderboard),
        "learning_curves": measured.learning_curve_rows(ordered),
        "gas_functions": measured.gas_function_rows(ordered),
        "disclosures": measured.disclosure_rows(ordered),
        "attacks": attack_rows(ordered),
        "outcomes": measured.outcome_rows(ordered),
        "claims": claim_rows(ordered, verdicts),
        "numbers": number_rows(ordered),
        "cards": card_rows(ordered),
        "failed": provenance.failed_rows(ordered),
        "provenance": provenance.provenance_rows(ordered),
        "records": provenance.record_rows(ordered),
    }
