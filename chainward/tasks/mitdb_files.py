"""The MIT-BIH Arrhythmia Database as PhysioNet ships it: three files a record, read by `wfdb`."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from chainward.errors import ChainwardError, DataMissing
from chainward.tasks.beats import CLASS, Beats, cut, library
from chainward.tasks.sources import Source, find

FOLDER = "mitdb"
DS1 = (101, 106, 108, 109, 112, 114, 115, 116, 118, 119, 122, 124, 201, 203, 205, 207, 208, 209, 215, 220, 223, 230)
DS2 = (100, 103, 105, 111, 113, 117, 121, 123, 200, 202, 210, 212, 213, 214, 219, 221, 222, 228, 231, 232, 233, 234)
"""The division of de Chazal, O'Dwyer, Reilly 2004 (10.1109/TBME.2004.827359): no patient is in both but one, who is 201
and 202; the four records with paced beats (102, 104, 107, 217) are in neither."""
PARTS = ("hea", "dat", "atr")
LEAD = "MLII"
EXTRA = "pip install 'chainward[ecg]'"

SOURCE = Source(
    name="arrhythmia",
    url="https://physionet.org/files/mitdb/1.0.0/",
    folder=FOLDER,
    files={f"{record}.{part}": "" for record in (*DS1, *DS2) for part in PARTS},
    licence="ODC-By 1.0",
    citation=(
        "Moody GB, Mark RG. The impact of the MIT-BIH Arrhythmia Database. IEEE Eng Med Biol 2001;20(3):45-50. "
        "Data: doi:10.13026/C2F305"
    ),
    credentialed=(
        "MIT-BIH is open to all, and its files are not pinned here: get them by "
        "`wget -r -N -c -np https://physionet.org/files/mitdb/1.0.0/`"
    ),
)


def lacking() -> str | None:
    """None when `wfdb` and all records are here, else one line that says what to get."""
    if find_spec("wfdb") is None:
        return f"reading MIT-BIH needs wfdb: {EXTRA}"
    absent = [name for name in SOURCE.files if find(f"{FOLDER}/{name}") is None]
    if not absent:
        return None
    what = f"{absent[0]} and {len(absent) - 1} more files" if len(absent) > 1 else absent[0]
    return f"{what} of MIT-BIH not found: {SOURCE.credentialed}, and put them into {FOLDER}/ of CHAINWARD_DATA"


def paths() -> tuple[Path, ...]:
    """Where all files lie.

    Raises:
        DataMissing: one is not there.
    """
    found = [find(f"{FOLDER}/{name}") for name in SOURCE.files]
    if None in found:
        raise DataMissing(lacking())
    return tuple(path for path in found if path)


def read(record: int) -> Beats:
    """The beats of one record, from lead MLII where it has it, else from its first.

    Raises:
        ChainwardError: it cannot be read, has no such lead, or no beats.
    """
    header = find(f"{FOLDER}/{record}.hea")
    if header is None:
        raise DataMissing(lacking())
    try:
        wfdb = library("wfdb")
        told, noted = wfdb.rdrecord(str(header.with_suffix(""))), wfdb.rdann(str(header.with_suffix("")), "atr")
    except Exception as error:  # wfdb raises what it likes of a broken file
        raise ChainwardError(
            f"{FOLDER}/{record}: cannot be read ({' '.join(str(error).split())}); get it again"
        ) from error
    return _beats(record, told, noted)


def _beats(record: int, told: Any, noted: Any) -> Beats:
    signals = told.p_signal
    if signals is None or not signals.size:
        raise ChainwardError(f"{FOLDER}/{record}: holds no signal; get it again")
    lead = told.sig_name.index(LEAD) if LEAD in told.sig_name else 0
    beats = [(at, symbol) for at, symbol in zip(noted.sample, noted.symbol, strict=True) if symbol in CLASS]
    if len(beats) < 3:
        raise ChainwardError(
            f"{FOLDER}/{record}: has {len(beats)} beats, too few for one with neighbours; get it again"
        )
    peaks, symbols = zip(*beats, strict=True)
    if peaks[-1] >= len(signals) or any(late <= early for early, late in pairwise(peaks)):
        raise ChainwardError(f"{FOLDER}/{record}: its annotations do not fit its signal; get it again")
    return cut(signals[:, lead].astype(np.float64), peaks, symbols, float(told.fs))
