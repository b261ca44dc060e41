"""`chainward audit`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chainward.cli.paragraphs import paragraph

if TYPE_CHECKING:
    from chainward.audit import Figures, Finding

PUBLISHED = "published"
"""Stands for every file that comes with the installation."""

MODEST = "What is checked is arithmetic: a misprint, or what a paper does not say, may explain a figure."


@click.command("audit")
@click.argument("figures", nargs=-1, required=True)
@click.option("--json", "json_output", is_flag=True, help="Print JSON.")
def command(figures: tuple[str, ...], json_output: bool) -> None:
    """Check the published figures in FIGURES, TOML files, against protocol floors and arithmetic.

    Gas, fees and throughput are held against what Ethereum charges at least under the fork that is named; accuracy
    against what whole patients and two-by-two tables can come to. FIGURES may also be `published`, the files that come
    with the installation, or the name of one of them. Exits with 1 if a figure is impossible.

    \b
    Examples:
      chainward audit published
      chainward audit fled_block --json
    """
    from chainward.audit import Verdict, audit, open_figures
    from chainward.cli.output import as_json

    files = [path for name in figures for path in _files(name)]
    found = [(one, audit(one)) for one in map(open_figures, files)]
    if json_output:
        as_json([_document(path, *each) for path, each in zip(files, found, strict=True)])
    else:
        _print(found)
    if any(finding.verdict == Verdict.IMPOSSIBLE for _, findings in found for finding in findings):
        sys.exit(1)


def _files(name: str) -> list[Path]:
    """The files that a name or path stands for.

    Raises:
        ChainwardError: there is none.
    """
    from chainward.errors import ChainwardError
    from chainward.folders import FIGURES

    known = {path.stem: path for path in sorted(FIGURES.glob("*.toml"))}
    if name == PUBLISHED:
        return [*known.values()]
    if name in known:
        return [known[name]]
    if not Path(name).is_file():
        raise ChainwardError(f"{name}: no such file; give a TOML file, {PUBLISHED}, or one of {', '.join(known)}")
    return [Path(name)]


def _document(path: Path, figures: Figures, findings: tuple[Finding, ...]) -> dict[str, object]:
    told = {"file": path.name, "title": figures.title, "where": figures.where, "tier": figures.tier}
    rules = {"note": figures.note, "fork": figures.chain.fork}
    return {**told, **rules, "findings": [asdict(finding) for finding in findings]}


def _print(found: list[tuple[Figures, tuple[Finding, ...]]]) -> None:
    from chainward.cli.output import tell

    for figures, findings in found:
        heading = (figures.title, f"{figures.where} (evidence {figures.tier})", figures.note)
        tell("\n".join(paragraph(line) for line in heading if line) + "\n")
        for finding in findings:
            tell("\n".join(_lines(finding)) + "\n")
    counts = Counter(finding.verdict for _, findings in found for finding in findings)
    told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    tell(paragraph(f"{told}. {MODEST}"))


def _lines(finding: Finding) -> Iterator[str]:
    """A finding as a block: the figure, then what was found."""
    yield paragraph(f'{finding.figure}: "{finding.quoted}"', indent=2)
    yield paragraph(f"{finding.verdict}, {finding.check}. {finding.derivation}", indent=4)
    if finding.unless:
        yield paragraph(f"unless {finding.unless}", indent=4)
