"""Where the line-up, its plans and the compiled contracts lie: in an installed wheel, or beside the package."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parent


def _first(*candidates: Path) -> Path:
    return next((path for path in candidates if path.is_dir()), candidates[0])


REIMPLEMENTATIONS = _first(PACKAGE / "reimplementations", CHECKOUT / "reimplementations")
ARTIFACTS = _first(PACKAGE / "artifacts", CHECKOUT / "contracts" / "artifacts")
GAS_SNAPSHOT = ARTIFACTS / "gas.snapshot" if ARTIFACTS.parent == PACKAGE else ARTIFACTS.parent / "gas.snapshot"
PLANS = _first(PACKAGE / "benchmarks", CHECKOUT / "benchmarks")
