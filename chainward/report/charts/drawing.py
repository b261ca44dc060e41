"""Charts -> pictures, all by one process that may die: then the pictures are missing, and nothing else is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chainward.report.charts.base import Chart
from chainward.report.charts.svg import finished

PROGRAM = (sys.executable, "-P", str(Path(__file__).with_name("v8.py")))
"""-P: the folder of that file is none to import from."""
START_S, CHART_S = 120.0, 30.0


@dataclass(frozen=True)
class Drawing:
    """A picture as SVG text, or, where that is empty, why there is none."""

    svg: str = ""
    why: str = ""


def draw(charts: Sequence[Chart], program: Sequence[str] = PROGRAM) -> dict[str, Drawing]:
    """Return the picture of each chart by its key; equal charts give equal pictures."""
    if not charts:
        return {}
    lines = [json.dumps(chart.specification) for chart in charts]
    told, ending = _told(lines, program)
    missing = {"why": ending}
    answers = [*told, *[missing] * (len(charts) - len(told))]
    return {chart.key: _drawing(chart, answer) for chart, answer in zip(charts, answers, strict=True)}


def _told(lines: Sequence[str], program: Sequence[str]) -> tuple[list[Mapping[str, str]], str]:
    """What the program says to each line, as far as it came, and in one word what ended it before."""
    patience = START_S + CHART_S * len(lines)
    try:
        done = subprocess.run(
            program,
            input="".join(f"{line}\n" for line in lines).encode(),
            capture_output=True,
            timeout=patience,
            check=False,
        )
        output, ending = done.stdout, "memory"
    except subprocess.TimeoutExpired as error:
        output, ending = error.stdout or b"", "time"
    except OSError:
        return [], "memory"
    whole = output[: output.rfind(b"\n") + 1].splitlines()
    return [json.loads(line) for line in whole[: len(lines)]], ending


def _drawing(chart: Chart, answer: Mapping[str, str]) -> Drawing:
    if "svg" not in answer:
        return Drawing(why=" ".join(answer["why"].split())[:200])
    return Drawing(finished(answer["svg"], chart.key, chart.title, chart.description))
