"""The files of the PhysioNet/CinC Challenge 2012: one text file a stay, parsed as one, and the outcomes beside them."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chainward.errors import ChainwardError, DataMissing
from chainward.tasks import sources
from chainward.tasks.sources import Source

if TYPE_CHECKING:
    import pandas as pd

ARCHIVE, OUTCOMES, FOLDER = "set-a.tar.gz", "Outcomes-a.txt", "set-a"
SOURCE = Source(
    name="physionet2012",
    url="https://physionet.org/files/challenge-2012/1.0.0/",
    folder="physionet2012",
    files={OUTCOMES: "2613ea60ccda29f87571a7d6b09ad130858a8ccd66325bd073365925026883c2", ARCHIVE: ""},
    licence="Open Data Commons Attribution License 1.0 (ODC-By)",
    citation=(
        "Silva I, Moody G, Scott DJ, Celi LA, Mark RG. Predicting in-hospital mortality of ICU patients: the "
        "PhysioNet/Computing in Cardiology Challenge 2012. Comput Cardiol 2012;39:245-248"
    ),
)
STAYS = 4_000
SHA256 = "9522c1a728116ed24ea0cf65a4237abe4dbcdf9c9f8d9fe9712e180fcf88bf8e"
"""Of what `sha256sum *.txt` prints inside set-a: archives are packed in many ways, the files are the same in each."""

HEADER = "Time,Parameter,Value"
MINUTES = 48 * 60
_STAY = re.compile(r"\d+\.txt")
_TIME = re.compile(r"(\d\d):([0-5]\d)")


def requires() -> str | None:
    """None when the outcomes and the stays, packed or not, are on this machine, else one line on what to fetch."""
    return sources.requires(SOURCE, (OUTCOMES,) if _unpacked() else (OUTCOMES, ARCHIVE))


def stays() -> dict[str, bytes]:
    """The content of each stay's file by its name, in the order of names: of the archive, or of the folder `set-a`
    beside the outcomes.

    Raises DataMissing when there are none, ChainwardError when the archive cannot be read.
    """
    if lacking := requires():
        raise DataMissing(lacking)
    folder = _unpacked()
    found = _packed(sources.read(SOURCE, ARCHIVE)) if folder is None else _beside(folder)
    return {name: found[name].replace(b"\r\n", b"\n") for name in sorted(found)}


def check(files: Mapping[str, bytes]) -> None:
    """Raise ChainwardError unless these are the published files."""
    if len(files) != STAYS:
        raise ChainwardError(f"{FOLDER} holds {len(files):,} stays, expected {STAYS:,}: unpack {ARCHIVE} again")
    listed = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items())
    found = hashlib.sha256(listed.encode()).hexdigest()
    if found != SHA256:
        told = f"`sha256sum *.txt | sha256sum` gives {found}, expected {SHA256}"
        raise ChainwardError(f"{FOLDER}: {told}; replace it with the published {ARCHIVE}")


def events(files: Mapping[str, bytes]) -> pd.DataFrame:
    """All lines of all files: `stay` int64, its place in `files`; `minute` int64 since admission; `parameter`, text as
    pandas' category, missing in a blank line; `value` float64, NaN where blank. The files are parsed as one.

    Raises:
        ChainwardError: a file has another header, a line of more than three fields, a value that is no number or a time
            that is none of 48 hours; the message names the file.
    """
    import pandas as pd

    bodies = [_body(name, content) for name, content in files.items()]
    try:
        frame = _parsed(b"".join(bodies))
    except ValueError as reason:
        raise ChainwardError(_culprit(files, bodies) or f"{FOLDER}: {reason}") from reason
    frame["stay"] = np.repeat(np.arange(len(bodies)), [body.count(b"\n") for body in bodies])
    frame = frame[frame["parameter"].notna()]
    minutes = np.array([_minute(str(time)) for time in frame["time"].cat.categories], dtype=np.int64)
    minute = minutes[frame["time"].cat.codes]  # a missing time has the code -1
    wrong = (frame["time"].isna() | (minute < 0)).to_numpy()
    if wrong.any():
        first = frame[wrong].iloc[0]
        told = f"Time is {first['time']!r}, expected 00:00 to 48:00"
        raise ChainwardError(f"{FOLDER}/{list(files)[first['stay']]}: {told}")
    return pd.DataFrame({"stay": frame["stay"], "minute": minute, **frame[["parameter", "value"]]})


def outcomes(content: bytes) -> pd.Series:
    """In-hospital_death, 0 or 1, by RecordID, both int64.

    Raises:
        ChainwardError: no table, or no such columns, or values that are no such numbers, or one stay twice.
    """
    import pandas as pd

    wanted = ["RecordID", "In-hospital_death"]
    try:
        frame = pd.read_csv(io.BytesIO(content))
        lacking = [name for name in wanted if name not in frame.columns]
        if lacking:
            raise ValueError(f"no column {lacking[0]}")
        table = frame[wanted].astype(np.int64)
    except ValueError as reason:  # pandas' own and what does not decode are such too
        raise ChainwardError(f"{OUTCOMES}: {reason}") from reason
    if not table["In-hospital_death"].isin([0, 1]).all():
        raise ChainwardError(f"{OUTCOMES}: In-hospital_death is neither 0 nor 1")
    if table["RecordID"].duplicated().any():
        twice = table.loc[table["RecordID"].duplicated(), "RecordID"].iloc[0]
        raise ChainwardError(f"{OUTCOMES}: RecordID {twice} has two lines")
    return table.set_index("RecordID")["In-hospital_death"]


def _unpacked() -> Path | None:
    """The folder `set-a` beside the outcomes."""
    beside = sources.located(SOURCE, OUTCOMES)
    folder = beside.path.parent / FOLDER if beside else None
    return folder if folder and folder.is_dir() else None


def _beside(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if _STAY.fullmatch(path.name)}


def _packed(archive: bytes) -> dict[str, bytes]:
    found = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                name, content = Path(member.name).name, tar.extractfile(member)
                if content is not None and _STAY.fullmatch(name):
                    found[name] = content.read()
    except (tarfile.TarError, EOFError) as reason:
        raise ChainwardError(f"{ARCHIVE} cannot be read ({reason}); get the file again") from reason
    return found


def _body(name: str, content: bytes) -> bytes:
    """A file's lines after its header, each with its end."""
    header, _, body = content.partition(b"\n")
    if header.decode("latin-1").strip() != HEADER:
        told = f"its first line is {header[:40].decode('latin-1')!r}, expected {HEADER!r}"
        raise ChainwardError(f"{FOLDER}/{name}: {told}")
    return body if body.endswith(b"\n") or not body else body + b"\n"


def _parsed(lines: bytes) -> pd.DataFrame:
    """Lines as they are: one row each, blank ones too, so that rows can be counted off to files."""
    import pandas as pd

    kinds: dict[str, str] = {"time": "category", "parameter": "category", "value": "float64"}
    return pd.read_csv(
        io.BytesIO(lines or b"\n"),
        names=list(kinds),
        dtype=kinds,
        index_col=False,
        encoding="latin-1",  # decodes anything: what is no known parameter is told with its file
        quoting=csv.QUOTE_NONE,
        lineterminator="\n",
        skip_blank_lines=False,
        keep_default_na=False,
        na_values=[""],
    )


def _culprit(files: Mapping[str, bytes], bodies: list[bytes]) -> str | None:
    """What is wrong with the first file that cannot be parsed alone."""
    for name, body in zip(files, bodies, strict=True):
        try:
            _parsed(body)
        except ValueError as reason:
            column = "column Value: " if "float" in str(reason) else ""
            return f"{FOLDER}/{name}: {column}{str(reason).strip()}"
    return None


def _minute(time: str) -> int:
    """Minutes since admission, -1 for what is no time within 48 hours."""
    found = _TIME.fullmatch(time)
    minute = 60 * int(found[1]) + int(found[2]) if found else MINUTES + 1
    return minute if minute <= MINUTES else -1
