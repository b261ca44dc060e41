"""benchmarks/report_records.py fills a folder that can be read."""

from __future__ import annotations

from pathlib import Path

from report_records import ROWS, SEEDS, fill, specifications

from chainward.results.folder import opened, read_manifest


def test_a_synthetic_folder_is_sound(tmp_path: Path) -> None:
    fill(tmp_path, SEEDS + 1)
    results = opened(tmp_path, read_manifest(tmp_path))
    assert len(results.completed) == SEEDS + 1
    everyone = [results.opener.predictions(record).patient.tolist() for record in results.completed[:SEEDS]]
    assert sorted(patient for one in everyone for patient in one) == list(range(920))


def test_a_setting_has_as_many_rows_as_it_says() -> None:
    found = [one for one, _ in zip(specifications(), range(ROWS * SEEDS + 1), strict=False)]
    assert len({(one.strategy, str(one.params)) for one in found}) == ROWS
    assert [bool(one.attack) for one in (found[0], found[-2], found[-1])] == [False, False, True]
