"""Every table of a report by its name: what is written as CSV, as JSON and on the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chainward.report.tables import measured, provenance
from chainward.report.tables.attacks import attack_rows
from chainward.report.tables.groups import Row, group
from chainward.report.tables.leaderboard import leaderboard
from chainward.report.tables.needs import need_rows
from chainward.report.tables.papers import Verdict, card_rows, claim_rows, number_rows
from chainward.report.tables.partition import partition_rows, preprocessing_rows
from chainward.report.tables.patients import accuracy_by_patients_rows, gas_per_patient_rows
from chainward.report.tables.privacy import privacy_rows
from chainward.report.tables.proofs import proof_rows
from chainward.report.tables.scaling import scaling_rows
from chainward.report.tables.scenarios import Assumptions
from chainward.results.collection import Results

Tables = Mapping[str, list[Row]]


def all_tables(results: Results, verdicts: Iterable[Verdict], assumptions: Assumptions | None = None) -> Tables:
    """Every table of the report, whatever the order of the records."""
    groups = group(results)
    found = leaderboard(groups, results.opener, assumptions or Assumptions())
    hospitals = measured.hospital_rows(found.rows)
    proofs, scaling = proof_rows(groups, results), scaling_rows(groups, results)
    disclosures = measured.disclosure_rows(groups)
    tables = {
        "leaderboard": found.rows,
        "resolution": found.resolution,
        "hospitals": hospitals,
        "partition": partition_rows(groups, hospitals),
        "preprocessing": preprocessing_rows(groups),
        "learning_curves": measured.learning_curve_rows(groups),
        "gas_functions": measured.gas_function_rows(groups),
        "gas_per_patient": gas_per_patient_rows(groups),
        "accuracy_by_patients": accuracy_by_patients_rows(groups),
        "disclosures": disclosures,
        "privacy": privacy_rows(found.rows, disclosures),
        "attacks": attack_rows(groups, results.opener),
        "outcomes": measured.outcome_rows(groups),
        "claims": claim_rows(results, verdicts),
        "numbers": number_rows(groups),
        "cards": card_rows(results),
        "failed": provenance.failed_rows(groups),
        "provenance": provenance.provenance_rows(results),
        "records": provenance.record_rows(groups),
        **({"proofs": proofs} if proofs else {}),
        **({"scaling": scaling} if scaling else {}),
    }
    return {**tables, "needs": need_rows(tables)}


def leaderboard_rows(results: Results, assumptions: Assumptions | None = None) -> list[Row]:
    """The leaderboard alone."""
    return leaderboard(group(results), results.opener, assumptions or Assumptions()).rows
