"""`chainward pack`: every command goes on as if nothing had happened."""

from __future__ import annotations


def names(folder) -> set[str]:
    return {path.suffix for path in (folder / "records").iterdir()}


def test_a_packed_folder_is_verified_rendered_and_resumed(finished, chainward) -> None:
    folder = finished.folder
    page, manifest = ((folder / name).read_bytes() for name in ("index.html", "manifest.json"))
    told = chainward("pack", folder)
    assert told.code == 0
    assert told.out.startswith("4 records packed: ")
    assert names(folder) == {".gz"}
    assert chainward("verify", folder).code == 0
    assert chainward("report", folder).code == 0
    assert (folder / "index.html").read_bytes() == page
    assert (folder / "manifest.json").read_bytes() == manifest

    resumed = chainward("run", finished.plan, "--out", folder)
    assert "4 of 4 trials are on record and skipped" in resumed.err
    assert names(folder) == {".gz"}

    assert chainward("pack", folder, "--undo").out.startswith("4 records unpacked: ")
    assert names(folder) == {".json"}
    assert chainward("verify", folder).code == 0


def test_a_packed_record_that_is_damaged_is_named_and_run_again(finished, chainward) -> None:
    chainward("pack", finished.folder)
    path = next((finished.folder / "records").iterdir())
    path.write_bytes(path.read_bytes()[:-20])
    assert chainward("verify", finished.folder).out == f"record {path.name.split('.')[0]} cannot be unpacked\n"
    told = chainward("run", finished.plan, "--out", finished.folder)
    assert "cannot be unpacked; it is run again" in told.err
    assert "3 of 4 trials" in told.err
    assert not path.exists()
    assert path.with_suffix("").exists()
    assert chainward("verify", finished.folder).code == 0


def test_no_records_are_one_line(chainward, tmp_path) -> None:
    assert "no records here" in chainward("pack", tmp_path).complaint
