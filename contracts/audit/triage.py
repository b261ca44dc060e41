"""Run slither over the contracts and hold what it finds against triage.toml, run by `make contracts-audit`.

Every finding of high, medium or low impact needs its reason there, and every reason its finding; what slither calls
informational or an optimization is about style. Slither is under the AGPL and no part of chainward: it runs here as a
program in an environment of its own, whose place is the argument.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
OPTIONS = ("--compile-force-framework", "foundry", "--exclude-informational", "--exclude-optimization", "--fail-none")


class Finding(NamedTuple):
    """What a detector of slither's calls wrong, and the function or variable where it does."""

    check: str
    place: str

    def __str__(self) -> str:
        return f"{self.place}: {self.check}"


def findings(report: Mapping[str, Any]) -> Counter[Finding]:
    """Return what slither's report tells of, and how often."""
    if not report["success"]:
        raise SystemExit(f"slither failed: {report['error']}")
    return Counter(Finding(one["check"], place(one["elements"][0])) for one in report["results"].get("detectors", ()))


def place(element: Mapping[str, Any]) -> str:
    """Return where in the contracts an element of the report stands, as "Contract.function.variable"."""
    parent = element.get("type_specific_fields", {}).get("parent")
    inside = parent is not None and parent["type"] != "file"
    return f"{place(parent)}.{element['name']}" if inside else str(element["name"])


def reasons(triage: Mapping[str, Any]) -> Counter[Finding]:
    """Return the findings that have a reason, and how often."""
    rows = triage["finding"]
    if unreasoned := [row["check"] for row in rows if not row.get("reason")]:
        raise SystemExit(f"triage.toml: no reason for {unreasoned[0]}")
    return Counter(Finding(row["check"], where) for row in rows for where in row["where"])


def complaints(found: Counter[Finding], excused: Counter[Finding]) -> list[str]:
    """Return what does not match, a line each."""
    new = [f"{one} has no reason in audit/triage.toml" for one in sorted((found - excused).elements())]
    return new + [f"{one} is in audit/triage.toml and not found" for one in sorted((excused - found).elements())]


def main(arguments: Sequence[str]) -> None:
    """Compare, and fail if anything does not match."""
    command = [Path(arguments[0]).resolve() / "bin" / "slither", ".", *OPTIONS, "--json", "-"]
    told = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=False)
    if not told.stdout.startswith("{"):
        raise SystemExit(told.stderr or told.stdout)
    found = findings(json.loads(told.stdout))
    lines = complaints(found, reasons(tomllib.loads((HERE / "triage.toml").read_text(encoding="utf-8"))))
    print(*lines, f"slither: {found.total()} findings, {len(lines)} of them not as told.", sep="\n")
    if lines:
        raise SystemExit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
