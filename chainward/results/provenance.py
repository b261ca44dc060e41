"""Where something ran: versions, machine, commit, time."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from chainward.folders import CHECKOUT
from chainward.results.record import Provenance

_PACKAGES = (
    "chainward",
    "torch",
    "pytorch-lightning",
    "numpy",
    "pandas",
    "pyrevm",
    "scipy",
    "cbor2",
    "eth-abi",
    "flwr",
    "eth-brownie",
)


def provenance(device: str) -> Provenance:
    """Return what a reader needs to run this again on `device`."""
    return Provenance(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions={"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}},
        platform=f"{platform.system()} {platform.machine()}",
        device=device,
        commit=_commit(),
    )


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


@cache
def _commit() -> str | None:
    """The commit of a checkout, with a mark when files differ from it; `None` in an installed wheel."""
    command = ["git", "-C", str(CHECKOUT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None
