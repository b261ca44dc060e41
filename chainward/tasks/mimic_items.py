"""What MIMIC measured under which item: variables, their units and plausible ranges, and how items are converted.

The items are those of the dictionaries `d_items` (numbers below 220,000 are CareVue's, the others MetaVision's, which
MIMIC-IV kept) and `d_labitems` of MIMIC-III and MIMIC-IV.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainward.tasks.cohort import Column
from chainward.tasks.laboratory import LABORATORY_VALUES

Values = NDArray[Any]


def same(values: Values) -> Values:
    """As written."""
    return values


def celsius(values: Values) -> Values:
    """From degrees Fahrenheit."""
    return (values - 32) / 1.8


def kilograms(values: Values) -> Values:
    """From pounds."""
    return values * 0.45359237


def centimetres(values: Values) -> Values:
    """From inches."""
    return values * 2.54


def percent(values: Values) -> Values:
    """From a share of one where it is one: the same item is written either way."""
    return np.where(values <= 1, values * 100, values)


VARIABLES = (
    Column("heart rate", unit="/min", least=1, most=350),
    Column("systolic pressure", unit="mm[Hg]", least=1, most=375),
    Column("diastolic pressure", unit="mm[Hg]", least=1, most=375),
    Column("mean pressure", unit="mm[Hg]", least=1, most=375),
    Column("respiratory rate", unit="/min", least=1, most=300),
    Column("temperature", unit="Cel", least=26, most=45),
    Column("oxygen saturation", unit="%", least=1, most=100),
    Column("inspired oxygen", unit="%", least=21, most=100),
    Column("coma scale, eyes", unit="{score}", least=1, most=4),
    Column("coma scale, verbal", unit="{score}", least=1, most=5),
    Column("coma scale, motor", unit="{score}", least=1, most=6),
    Column("height", unit="cm", least=100, most=240),
    Column("weight", unit="kg", least=20, most=400),
    Column("pH", unit="[pH]", least=6.3, most=8.4),
    Column("glucose", unit="mg/dL", least=10, most=2000),
    *LABORATORY_VALUES,
    Column("lactate", unit="mmol/L", least=0.1, most=50),
)
"""Beyond the range no living patient is: a slip of the pen, a detached sensor, another unit."""

Items = Mapping[str, tuple[tuple[Callable[[Values], Values], tuple[int, ...]], ...]]

CHART: Items = {
    "heart rate": ((same, (211, 220045)),),
    "systolic pressure": ((same, (51, 442, 455, 6701, 220050, 220179, 224167, 227243)),),
    "diastolic pressure": ((same, (8368, 8440, 8441, 8555, 220051, 220180, 224643, 227242)),),
    "mean pressure": ((same, (52, 443, 456, 6702, 220052, 220181, 225312)),),
    "respiratory rate": ((same, (615, 618, 220210, 224690)),),
    "temperature": ((same, (676, 223762)), (celsius, (678, 223761))),
    "oxygen saturation": ((same, (646, 220277)),),
    "inspired oxygen": ((percent, (190, 3420, 3422, 223835)),),
    "coma scale, eyes": ((same, (184, 220739)),),
    "coma scale, verbal": ((same, (723, 223900)),),
    "coma scale, motor": ((same, (454, 223901)),),
    "height": ((same, (226730,)), (centimetres, (920, 1394, 226707))),
    "weight": ((same, (762, 763, 3580, 224639, 226512)), (kilograms, (3581, 226531))),
    "pH": ((same, (780, 1126, 223830)),),
    "glucose": ((same, (807, 811, 1529, 220621, 225664, 226537)),),
}
LAB: Items = {
    "pH": ((same, (50820,)),),
    "glucose": ((same, (50809, 50931)),),
    "urea nitrogen": ((same, (51006,)),),
    "creatinine": ((same, (50912,)),),
    "sodium": ((same, (50824, 50983)),),
    "potassium": ((same, (50822, 50971)),),
    "bicarbonate": ((same, (50882,)),),
    "white cells": ((same, (51300, 51301)),),
    "platelets": ((same, (51265,)),),
    "haemoglobin": ((same, (50811, 51222)),),
    "bilirubin": ((same, (50885,)),),
    "lactate": ((same, (50813,)),),
}
