"""Laboratory values that intensive care data of several sources hold in one unit each."""

from __future__ import annotations

from chainward.tasks.cohort import Column

LABORATORY_VALUES: tuple[Column, ...] = (
    Column("urea nitrogen", unit="mg/dL", least=0, most=300),
    Column("creatinine", unit="mg/dL", least=0, most=60),
    Column("sodium", unit="mmol/L", least=50, most=225),
    Column("potassium", unit="mmol/L", least=0.5, most=15),
    Column("bicarbonate", unit="mmol/L", least=1, most=66),
    Column("white cells", unit="10*3/uL", least=0, most=1000),
    Column("platelets", unit="10*3/uL", least=0, most=2200),
    Column("haemoglobin", unit="g/dL", least=1, most=30),
    Column("bilirubin", unit="mg/dL", least=0, most=100),
)
"""Beyond the range no living patient is."""
