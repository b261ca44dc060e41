"""Where the line-up, plans, contracts and figures lie: in an installed wheel, or in a checkout beside the package."""

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
PLANS = _first(PACKAGE / "benchmarks", CHECKOUT / "benchmarks")
GATES = PACKAGE / "gates.toml" if ARTIFACTS.parent == PACKAGE else CHECKOUT / "benchmarks" / "gates.toml"
