from __future__ import annotations

import json
from pathlib import Path

import pytest

from chainward.cli.recommend import command
from chainward.report.tables.asked import PRIVACY, SCENARIOS
from chainward.report.tables.threatened import KNOWN

PRIVATE = ("--privacy", "no-raw-data")


def test_papers_of_a_folder_in_three_groups(chainward, finished) -> None:
    """The plan ran references alone; so the folder is refused, and the one that comes along is not."""
    assert "no paper ran undisturbed" in chainward("recommend", finished.folder, *PRIVATE).complaint


def test_the_reference_report_is_there_without_a_folder(chainward) -> None:
    done = chainward("recommend", "--hospitals", 20, "--rounds", 50, "--max-latency", "1min", *PRIVATE)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("By stroke, 4,801 patients of 20 hospitals")
    for words in ("papers satisfy all needs", "may or may not", "papers fall out", "raw records left their hospitals"):
        assert words in done.out


def test_json_has_every_paper_once_with_its_reasons(chainward) -> None:
    told = json.loads(chainward("recommend", "--budget-usd", 100, "--scenario", "rollup", *PRIVATE, "--json").out)
    assert told["needs"]["scenario"] == "rollup"
    labels = [one["label"] for one in told["candidates"]]
    assert len(labels) == len(set(labels)) >= 15
    assert {one["standing"] for one in told["candidates"]} <= {"satisfies", "unknown", "falls out"}
    assert all(judged["reason"] for one in told["candidates"] for judged in one["judged"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "no need is named"),
        (("--hospitals", 20), "no need is named"),
        (("--threat", "rain"), "no such kind; there is sign-flip"),
        (("--task", "lungs", *PRIVATE), "no paper ran on 'lungs' undisturbed; there is"),
    ],
)
def test_mistakes_are_one_line(chainward, arguments: tuple[object, ...], told: str) -> None:
    assert told in chainward("recommend", *arguments).complaint


@pytest.mark.parametrize("text", ["", "[1]", "[" * 100_000, '{"tables": 3}', "\x00"])
def test_what_is_no_report_is_one_line(chainward, tmp_path: Path, text: str) -> None:
    assert "there is none" in chainward("recommend", tmp_path, *PRIVATE).complaint
    (tmp_path / "report.json").write_text(text, encoding="utf-8")
    assert "report.json" in chainward("recommend", tmp_path, *PRIVATE).complaint


def test_latency_needs_its_unit(chainward) -> None:
    done = chainward("recommend", "--max-latency", "60")
    assert done.code == 2
    assert "write a number and its unit" in done.err


def test_help_names_what_is_known(chainward) -> None:
    """Its lists are written out, so that help imports nothing."""
    told = " ".join(chainward("recommend", "--help").out.split())
    assert all(kind.replace("_", "-") in told for kind in KNOWN)
    choices = {option.name: option.type for option in command.params}
    assert choices["scenario"].choices == tuple(SCENARIOS)
    assert choices["privacy"].choices == PRIVACY
