from __future__ import annotations

import json
from pathlib import Path

FILE = """\
title = "A \\u001b[31mpaper"
where = "A journal"
tier = "T3"

[[transaction]]
figure = "table 1"
quoted = "21,000 gas"
gas = "21,000"
new_slots = {slots}
"""


def written(folder: Path, slots: int) -> Path:
    path = folder / "own.toml"
    path.write_text(FILE.format(slots=slots), encoding="utf-8")
    return path


def test_impossible_figures_exit_with_1(chainward, tmp_path: Path) -> None:
    out = chainward("audit", written(tmp_path, slots=1))
    assert (out.code, out.err) == (1, "")
    assert "impossible, least gas. At least 21,000 (intrinsic) + 20,000 (new slots of storage)" in out.out
    assert "1 impossible." in out.out
    assert "\x1b" not in out.out


def test_possible_figures_exit_with_0(chainward, tmp_path: Path) -> None:
    out = chainward("audit", written(tmp_path, slots=0))
    assert (out.code, out.err) == (0, "")
    assert "1 possible." in out.out


def test_json_says_all_that_is_printed(chainward, tmp_path: Path) -> None:
    (told,) = json.loads(chainward("audit", written(tmp_path, slots=1), "--json").out)
    assert (told["file"], told["tier"], told["fork"]) == ("own.toml", "T3", "london")
    (finding,) = told["findings"]
    assert finding["verdict"] == "impossible"
    assert finding["quoted"] == "21,000 gas"


def test_published_figures_by_name(chainward) -> None:
    every = json.loads(chainward("audit", "published", "--json").out)
    (one,) = json.loads(chainward("audit", "fled_block", "--json").out)
    assert one in every
    assert len({told["file"] for told in every}) == len(every)


def test_bad_input_is_one_line(chainward, tmp_path: Path) -> None:
    assert "no such file; give a TOML file, published, or one of" in chainward("audit", tmp_path / "no.toml").complaint
    bad = tmp_path / "bad.toml"
    bad.write_text("title = 3", encoding="utf-8")
    assert "bad.toml" in chainward("audit", bad).complaint
    assert "no such file" in chainward("audit", tmp_path).complaint
