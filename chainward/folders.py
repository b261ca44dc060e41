"""Where the line-up, compiled contracts and published figures lie: in a wheel, or in a checkout beside the package."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parent


def _first(*candidates: Path) -> Path:
    return next((path for path in candidates if path.is_dir()), candidates[0])


REIMPLEMENTATIONS = _first(PACKAGE / "reimplementations", CHECKOUT / "reimplementations")
FIGURES = _first(PACKAGE / "figures", CHECKOUT / "benchmarks" / "figures")
REFERENCE = _first(PACKAGE / "reference", CHECKOUT / "reports" / "reference")
ARTIFACTS = _first(PACKAGE / "artifacts", CHECKOUT / "contracts" / "artifacts")
GAS_SNAPSHOT = ARTIFACTS / "gas.snapshot" if ARTIFACTS.parent == PACKAGE else ARTIFACTS.parent / "gas.snapshot"
