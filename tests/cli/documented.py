"""The command lines that README, docs and every `--help` show, and what must be there for each to be called.

A new command needs an entry in these tables where it names a file, a folder or a placeholder that none knows yet.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from shutil import copyfile, copytree
from typing import NamedTuple

import click
import compiler
import meds_made
import numpy as np
import pytest
from test_cli_help import COMMANDS, examples

from chainward.cli import group
from chainward.folders import CHECKOUT, GATES

PAGES = (CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md")))

PLACEHOLDERS = {
    r"run PLAN\b": "run demo",
    r"^chainward run(?= --jobs 2$|$)": "chainward run demo",  # said of any plan
    r"--task KEY\b": "--task heart",
    r"(show|run) KEY\b": r"\1 bflc",
    r"\[PAPER\.\.\.\]": "bflc",
    r"meds REPORT OUT\b": "meds reports/sepsis predictions",
    r"--assume NAME=VALUE\b": "--assume ether_usd=2500",
    r"new strategy NAME\b": "new strategy my_paper",
    r"new plan NAME\b": "new plan quick",
    r"contracts compile FOLDER\b": "contracts compile chainward_my_paper",
    r"new task NAME\b": "new task my_hospitals",
    r"\bFOLDER\b": "reports/demo",
    r"(show|--claims|--strategy) my_paper\b": r"\1 bflc",  # one's own is called as any other is
}
"""What stands for something in a documented line -> what it is called with here."""

DATA = {r"\bstroke\b": "stroke", r"\boracle\b": "edin"}
"""What a line names -> the task whose data it needs: where they are not at hand, it must say how to get them."""

FLOWER = r"--engine flower-|^chainward flower export"
"""Lines that need the flower extra; where it is not installed they are skipped, and `make flower-test` calls them."""

ELSEWHERE = {
    r"--engine flower-": "starts Flower, which is an extra: tests/engines/flower runs these engines",
}
"""Lines that need other programs -> why they are not run to their end here: their plan is only estimated."""

CODES: Mapping[str, frozenset[int]] = {
    r"^chainward doctor": frozenset({0, 1}),  # 1 where this machine lacks something
    r"^chainward data check": frozenset({0, 1}),
    r"^chainward audit": frozenset({0, 1}),  # 1 where a published figure cannot be
}
"""Commands whose exit code tells of what they looked at -> the codes that are no mistake; for all others it is 0."""


def lines() -> list[str]:
    """Every documented command line, once each, as it stands there."""
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    shown = [line for text in texts for line in (*fenced(text), *inline(text))]
    helped = [line for command in (group, *COMMANDS.values()) for line in examples(command)]
    return list(dict.fromkeys([*shown, *helped]))


FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def fenced(text: str) -> Iterator[str]:
    """The calls of chainward in the blocks of code of a page."""
    for block in FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if re.search(r"(^|[\s(/])chainward [a-z-]", line):
                yield from calls(line)


def calls(line: str) -> Iterator[str]:
    """The calls of chainward in a line of shell, each as the words of its own; none where the line is no shell."""
    for inner in re.findall(r"\$\(([^()|;&]*)", line):
        yield from calls(inner)
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split, words.commenters = True, "#"
    try:
        found = list(words)
    except ValueError:
        return
    starts = [place for place, word in enumerate(found) if re.fullmatch(r"(\.venv/bin/)?chainward", word)]
    for start in starts:
        if any(not re.fullmatch(r"\$|\w+=.*", word) for word in _until_operator(found[:start][::-1])):
            continue
        yield shlex.join(["chainward", *_until_operator(found[start + 1 :])])


def _until_operator(words: list[str]) -> list[str]:
    end = next((place for place, word in enumerate(words) if re.fullmatch(r"[();<>|&]+", word)), len(words))
    return words[:end]


def inline(text: str) -> Iterator[str]:
    """The calls in the running text of a page."""
    for code in re.findall(r"(?<!`)`(chainward\s[^`]+)`", FENCE.sub("", text)):
        yield from calls(" ".join(code.split()))


def callable_form(line: str) -> str:
    """A documented line with something for each placeholder; one that only names its command asks for its help."""
    for placeholder, value in PLACEHOLDERS.items():
        line = re.sub(placeholder, value, line)
    return f"{line} --help" if _only_named(line) else line


def _only_named(line: str) -> bool:
    command: click.Command = group
    context = click.Context(group)
    _, *arguments = shlex.split(line)
    if "--help" in arguments:
        return False
    while isinstance(command, click.Group) and arguments:
        _, found, arguments = command.resolve_command(context, arguments)
        assert found is not None
        command = found
    try:
        command.make_context(line, arguments, parent=context)
    except click.exceptions.NoArgsIsHelpError:
        return True
    except click.MissingParameter:
        return not arguments
    return isinstance(command, click.Group)


def codes(line: str) -> frozenset[int]:
    """The exit codes that a line may end with."""
    return next((found for pattern, found in CODES.items() if re.search(pattern, line)), frozenset({0}))


class At(NamedTuple):
    """Where a line is called, a finished report and its plan to be copied, and what calls a line."""

    place: Path
    report: Path
    plan: Path
    chainward: Callable[..., object]


def with_ids(words: list[str], report: Path) -> list[str]:
    """The words with ids of records of a report in place of those that were made up."""
    known = iter(sorted({path.name[:10] for path in (report / "records").iterdir()}))
    return [next(known) if re.fullmatch(r"[0-9a-f]{4,64}", word) else word for word in words]


def table(path: Path, _: At) -> None:
    """A table of 200 patients at four hospitals, with the columns that the pages name."""
    rng = np.random.default_rng(0)
    rows = ["id,hospital,age,lactate,comment,admitted,died"]
    for number in range(200):
        lactate = rng.gamma(2.0)
        died = int(rng.random() < 1 / (1 + np.exp(2 - lactate)))
        day = f"2024-{1 + number % 12:02d}-{1 + number % 28:02d}"
        rows.append(f"p{number},{'ABCD'[number % 4]},{rng.integers(20, 90)},{lactate:.2f},note {number},{day},{died}")
    path.write_text("\n".join([*rows, ""]), encoding="utf-8")


SEPSIS = """\
strategies = ["fedavg"]
seeds = 1
rounds = 1
training = {{ learning_rate = 0.1 }}
tasks = [{{ key = "meds", folder = "{folder}", labels = "{folder}/labels", site = "SITE//" }}]
"""


def sepsis(path: Path, at: At) -> None:
    """The report of a trial on a MEDS data set, which is beside it."""
    data = meds_made.write(at.place / "sepsis", count=120)
    plan = at.place / "sepsis.toml"
    plan.write_text(SEPSIS.format(folder=data.as_posix()), encoding="utf-8")
    at.chainward("run", plan, "--out", path, "--in-process")


def package(path: Path, at: At) -> None:
    """The package of a strategy of one's own, with the compiler that is here."""
    if not compiler.HERE:
        pytest.skip(compiler.WHY)
    at.chainward("new", "strategy", "my_paper", "--folder", path.parent)
    (path / "node_modules").symlink_to(compiler.SOLC.parent)


def of_checkout(path: Path, at: At) -> None:
    """A file of the checkout."""
    copyfile(CHECKOUT / path.relative_to(at.place), path)


def report(path: Path, at: At) -> None:
    """A finished report."""
    copytree(at.report, path)


def plan_of_report(path: Path, at: At) -> None:
    """The plan of a finished report."""
    copyfile(at.plan, path)


FILES: Mapping[str, Callable[[Path, At], None]] = {
    r"cohort\.csv": table,
    r"benchmarks/.*": of_checkout,
    r"gates\.toml": lambda path, _: copyfile(GATES, path),
    r"baseline\.json": lambda path, at: at.chainward("compare", at.report, at.report, "--keep", path),
    r"chainward_my_paper": package,
    r"reports/sepsis": sepsis,
    r"(reports/[\w-]+/)?plan\.toml": plan_of_report,
    r"reports/[\w-]+": report,
}
"""Names of files and folders in documented lines -> how they are made where the line does not make them itself."""
