"""Charts -> pictures, all by one process that may die: then the pictures are missing, and nothing else is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from subprocess import DEVNULL, PIPE

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


_Told = tuple[list[Mapping[str, str]], str]
Draw = Callable[[Sequence[Chart]], dict[str, Drawing]]


@contextmanager
def drawer(program: Sequence[str] = PROGRAM) -> Iterator[Draw]:
    """Start the process that draws, which takes as long as some charts, and yield what to give it the charts, once.

    Equal charts give equal pictures, by the key of each chart.
    """
    try:
        process = subprocess.Popen(program, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
    except OSError:
        yield partial(_pictures, told=lambda _: ([], "memory"))
        return
    with process:
        try:
            yield partial(_pictures, told=partial(_told, process))
        finally:
            process.kill()


def draw(charts: Sequence[Chart], program: Sequence[str] = PROGRAM) -> dict[str, Drawing]:
    """Return the picture of each chart by its key."""
    if not charts:
        return {}
    with drawer(program) as pictures:
        return pictures(charts)


def _pictures(charts: Sequence[Chart], told: Callable[[Sequence[str]], _Told]) -> dict[str, Drawing]:
    answers, ending = told([json.dumps(chart.specification) for chart in charts])
    missing = [{"why": ending}] * (len(charts) - len(answers))
    return {chart.key: _drawing(chart, one) for chart, one in zip(charts, [*answers, *missing], strict=True)}


def _told(process: subprocess.Popen[bytes], lines: Sequence[str]) -> _Told:
    """What the process says to each line, as far as it came, and in one word what ended it before."""
    patience = START_S + CHART_S * len(lines)
    try:
        output, _ = process.communicate("".join(f"{line}\n" for line in lines).encode(), patience)
        ending = "memory"
    except subprocess.TimeoutExpired as error:
        output, ending = error.stdout or b"", "time"
    whole = output[: output.rfind(b"\n") + 1].splitlines()
    return [json.loads(line) for line in whole[: len(lines)]], ending


def _drawing(chart: Chart, answer: Mapping[str, str]) -> Drawing:
    if "svg" not in answer:
        return Drawing(why=" ".join(answer["why"].split())[:200])
    return Drawing(finished(answer["svg"], chart.key, chart.title, chart.description))
