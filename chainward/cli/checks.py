"""What `chainward doctor` looks at."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

OK, NOTE, MISSING = "ok", "note", "missing"
FORK = "Cancun"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# A contract in ten bytes: probe() reads transient storage, which came with Cancun, and returns it.
#   deployed: PUSH0 TLOAD PUSH0 MSTORE PUSH1 32 PUSH0 RETURN
_PROBE = {
    "contract": "Probe",
    "bytecode": "0x67" + "5f5c5f5260205ff3" + "5f5260086018f3",
    "abi": [{"type": "function", "name": "probe", "inputs": 4 * [{"type": "bytes32"}], "outputs": []}],
}


class Check(NamedTuple):
    """One thing looked at. `missing` keeps a plain run from working, a `note` does not."""

    check: str
    status: str
    detail: str


def examine() -> list[Check]:
    """Return every check; what a check raises is its finding."""
    parts = (_python, _packages, _extras, _device, _evm, _strategies, _snapshot, _data, _reports, _commit, _browser)
    checks: list[Check] = []
    for part in parts:
        try:
            checks += part()
        except Exception as error:
            checks.append(Check(part.__name__.removeprefix("_"), MISSING, _one_line(error)))
    return checks


def _python() -> Iterator[Check]:
    status = OK if sys.version_info >= (3, 11) else MISSING
    yield Check("python", status, f"{sys.version.split()[0]} (3.11 or later)")


def _packages() -> Iterator[Check]:
    """One line for all that are as required, one for each that is not."""
    good = []
    for name, (range_, found, fits) in _wanted("").items():
        if fits:
            good.append(f"{name} {found}")
        else:
            yield Check(name, MISSING, f"{found or 'not installed'}: pip install '{name}{range_}'")
    yield Check("packages", OK, ", ".join(good))


def _extras() -> Iterator[Check]:
    for extra in ("flower", "brownie", "ray", "fast"):
        for name, (_, found, fits) in _wanted(extra).items():
            told = f"{name} {found}" if fits else f"{name} {found or 'not installed'}: pip install 'chainward[{extra}]'"
            yield Check(f"extra {extra}", OK if fits else NOTE, told)


def _device() -> Iterator[Check]:
    import torch

    accelerators = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    told = f"cuda: {', '.join(accelerators)}" if torch.cuda.is_available() else "cpu, no accelerator"
    yield Check("device", OK, f"{told}; {os.cpu_count()} cores")


def _evm() -> Iterator[Check]:
    rules = fork()
    yield Check("evm", OK if rules == FORK else MISSING, f"pyrevm executes {rules} rules, contracts need {FORK}")


def fork() -> str:
    """Return whose rules the in-process EVM executes, from one transaction of 132 bytes.

    Transient storage came with Cancun; the minimum price of calldata (EIP-7623) with the fork after it.
    """
    from chainward import ledgers
    from chainward.world import Reverted

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "Probe.json").write_text(json.dumps(_PROBE), encoding="utf-8")
        ledger = ledgers.build("evm", {}, 0, (Path(folder),))
        probe = ledger.deploy("Probe", (), "doctor", 0, 0.0).address
    try:
        receipt = ledger.send(probe, "probe", 4 * (32 * b"\xff",), "doctor", 0, 0.0)
    except Reverted:
        return f"older than {FORK}"
    return FORK if receipt.gas < receipt.floor else f"newer than {FORK}"


def _strategies() -> Iterator[Check]:
    """One line for all that can be used, one for each that cannot."""
    from chainward.strategy.discovery import keys

    good = []
    for key in keys():
        try:
            _usable(key)
        except Exception as error:
            yield Check(f"strategy {key}", MISSING, _one_line(error))
        else:
            good.append(key)
    yield Check("strategies", OK if good else MISSING, ", ".join(good) or "none found")


def _usable(key: str) -> None:
    """Import a strategy, find its compiled contracts and read its claims."""
    from chainward.judges import checked_claims
    from chainward.ledgers import artifacts
    from chainward.strategy import discovery

    kind = type(discovery.build(key, {}))
    for contract in kind.card.contracts:
        artifacts.find(contract, discovery.artifact_folders(kind))
    checked_claims(kind)


def _snapshot() -> Iterator[Check]:
    from chainward.ledgers import snapshot

    rows = snapshot.read()
    told = f"{len(rows)} contract functions" if rows else "not found, so `chainward show` gives no gas"
    yield Check("gas snapshot", OK if rows else NOTE, told)


def _data() -> Iterator[Check]:
    """A task whose data are absent is a note; data that are here and cannot be used are not."""
    from chainward import tasks
    from chainward.cli.known import lacking

    for key in tasks.names():
        try:
            needs = lacking(key)
            told = needs or f"{len(tasks.load(key).dataset(0).hospitals)} hospitals"
            yield Check(f"task {key}", NOTE if needs else OK, told)
        except Exception as error:
            yield Check(f"task {key}", MISSING, _one_line(error))


def _reports() -> Iterator[Check]:
    """Try the folder that reports go to by default, or the nearest above it."""
    folder = Path("reports").absolute()
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        tempfile.TemporaryFile(dir=nearest).close()
    except OSError as error:
        yield Check("reports", MISSING, f"{folder} cannot be written ({error.strerror}); choose another with --out")
    else:
        yield Check("reports", OK, f"{folder} can be written")


def _commit() -> Iterator[Check]:
    from chainward.results.provenance import provenance

    commit = provenance("").commit
    yield Check("commit", OK if commit else NOTE, commit or "no git checkout: records will not name a commit")


def _browser() -> Iterator[Check]:
    candidates = [name for name in (os.environ.get("CHROMIUM"), *BROWSERS) if name]
    found = next((path for path in map(shutil.which, candidates) if path), None)
    told = found or "no chromium or chrome: the browser tests are skipped; set CHROMIUM to name one"
    yield Check("browser", OK if found else NOTE, told)


def _wanted(extra: str) -> dict[str, tuple[str, str | None, bool]]:
    """Packages that an extra asks for ("": chainward itself): the range, the version here, whether that is in it."""
    from packaging.requirements import Requirement

    def applies(one: Requirement, extra: str) -> bool:
        return one.marker is None or one.marker.evaluate({"extra": extra})

    wanted = {}
    for one in map(Requirement, _required()):
        if applies(one, extra) and not (extra and applies(one, "")):
            found = _version(one.name)
            fits = found is not None and one.specifier.contains(found, prereleases=True)
            wanted[one.name] = str(one.specifier), found, fits
    return wanted


def _required() -> list[str]:
    """What chainward's distribution requires; in a checkout that is not installed, what its pyproject.toml says."""
    from importlib.metadata import PackageNotFoundError, requires

    from chainward.folders import CHECKOUT

    try:
        return requires("chainward") or []
    except PackageNotFoundError:
        project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        extras = project["optional-dependencies"].items()
        return [*project["dependencies"], *(f"{one}; extra == '{extra}'" for extra, these in extras for one in these)]


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
