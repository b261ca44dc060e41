"""An invented MEDS data set: 400 subjects at four hospitals, whose outcome follows a laboratory value and a drug."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

ADMITTED = datetime(2020, 1, 1)
SCHEMA = pa.schema(
    [
        ("subject_id", pa.int64()),
        ("time", pa.timestamp("us")),
        ("code", pa.string()),
        ("numeric_value", pa.float32()),
    ]
)
LABELS = pa.schema([("subject_id", pa.int64()), ("prediction_time", pa.timestamp("us")), ("boolean_value", pa.bool_())])
Event = tuple[int, datetime | None, str, float | None]


def events_of(subject: int, rng: np.random.Generator) -> tuple[list[Event], bool]:
    """The events of one subject, a day each way around its prediction time, and its outcome."""
    severity, start = rng.standard_normal(), ADMITTED + timedelta(days=subject)
    drug = rng.random() < 0.3
    died = rng.random() < 1 / (1 + np.exp(1 - 2 * severity - drug))
    events: list[Event] = [(subject, None, f"GENDER//{'MF'[subject % 2]}", None)]
    events.append((subject, start - timedelta(days=365.25 * (40 + subject % 50)), "MEDS_BIRTH", None))
    events.append((subject, start, f"SITE//{'ABCD'[subject % 4]}", None))
    hours = [timedelta(hours=hour) for hour in range(0, 24, 6)]
    events += [(subject, start + hour, "LAB//lactate", 2 + severity + hour / timedelta(hours=10)) for hour in hours]
    if drug:
        events.append((subject, start + timedelta(hours=2), "DRUG//norepinephrine", None))
    events.append((subject, start + timedelta(hours=24.5), f"OUTCOME//{died}", 1.0))  # tells the outcome, too late
    return events, bool(died)


def write(folder: Path, count: int = 400, shards: int = 3, seed: int = 0) -> Path:
    """Write data and labels; return the folder. Subject numbers are large and one in two is negative."""
    rng = np.random.default_rng(seed)
    made = {subject: events_of(subject, rng) for subject in range(count)}
    for number in range(shards):
        own = [event for subject in range(number, count, shards) for event in made[subject][0]]
        save(folder / "data" / ("train" if number else "held_out") / f"{number}.parquet", own)
    at = timedelta(hours=24)
    labels = [(named(subject), ADMITTED + timedelta(days=subject) + at, died) for subject, (_, died) in made.items()]
    save_labels(folder / "labels" / "0.parquet", labels)
    return folder


def named(subject: int) -> int:
    """The subject_id of a subject."""
    return (-1) ** subject * (4_000_000_000_000_000_000 + subject)


def save(path: Path, events: list[Event]) -> None:
    """Write a shard."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = zip(*[(named(subject), *rest) for subject, *rest in events], strict=True)
    parquet.write_table(
        pa.table([pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)], SCHEMA), path
    )


def save_labels(path: Path, rows: list[tuple[int, datetime, bool]]) -> None:
    """Write a label table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = zip(*rows, strict=True)
    parquet.write_table(
        pa.table([pa.array(column, field.type) for column, field in zip(columns, LABELS, strict=True)], LABELS), path
    )
