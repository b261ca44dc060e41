"""What the page shows by patient: what one costs on chain, and accuracy by how many there are."""

from __future__ import annotations

from chainward.report.page.columns import STRATEGY, Column

PATIENTS = Column("patients", "Patients", "measured", "count", "Training patients, mean over trials.")
GAS_PER_PATIENT = (
    STRATEGY,
    PATIENTS,
    Column("gas_per_patient", "Gas a patient", "measured", "integer", "Set-up and all rounds, over training patients."),
    Column("transactions_per_patient", "Transactions a patient", "measured", "significant"),
    Column("bytes_per_patient", "Bytes on chain a patient", "measured", "bytes"),
)
BY_PATIENTS = (
    STRATEGY,
    Column("round", "Round", style="integer"),
    Column("trials", "Seeds", style="count"),
    Column("patients", "Patients on chain", "measured", "count", "Added by the end of the round."),
    Column("auroc_mean", "Validation AUROC", "measured", "fixed"),
    Column("gas", "Gas so far", "measured", "integer", "Set-up and all rounds until then."),
)
