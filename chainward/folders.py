"""Where the line-up and the compiled contracts lie: inside an installed wheel, or in a checkout beside the package."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parent


def _first(*candidates: Path) -> Path:
    return next((path for path in candidates if path.is_dir()), candidates[0])


REIMPLEMENTATIONS = _first(PACKAGE / "reimplementations", CHECKOUT / "reimplementations")
ARTIFACTS = _first(PACKAGE / "artifacts", CHECKOUT / "contracts" / "artifacts")
GAS_SNAPSHOT = ARTIFACTS / "gas.snapshot" if ARTIFACTS.parent == PACKAGE else ARTIFACTS.parent / "gas.snapshot"
GATES = PACKAGE / "gates.toml" if ARTIFACTS.parent == PACKAGE else CHECKOUT / "benchmarks" / "gates.toml"
