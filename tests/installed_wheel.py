"""Build the wheel, install it into a clean environment outside the repository and use it in an empty folder there.

`make wheel-test` runs this. While chainward runs, no process of the new environment may open a file of the repository:
one that does ends at once, and this script shows first that it would.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
CAUGHT = 97

GUARD = """\
import os, sys

def watch(event, arguments):
    if event in ("open", "os.listdir", "os.scandir") and isinstance(arguments[0], (str, bytes, os.PathLike)):
        path = os.path.realpath(os.fsdecode(arguments[0]))
        if os.path.commonpath((path, {checkout!r})) == {checkout!r}:
            os.write(2, f"a file of the repository is used: {{path}}\\n".encode())
            os._exit({caught})

sys.addaudithook(watch)
"""

COMMANDS = (
    "-V",
    "--help",
    "list strategies",
    "show bflc",
    "doctor",
    "run demo --strategy fedavg --strategy bflc --task heart --seeds 1 --rounds 2",
    "verify reports/demo",
    "new plan mine",
    "run mine --strategy fedavg --task heart --seed 7 --rounds 1 --param fedavg.weighted=false",
    "new strategy my_paper",
)
WRITTEN = ("reports/demo/index.html", "reports/mine/leaderboard.csv", "my_paper/chainward_my_paper/compile.mjs")


def main() -> None:
    """Do so; an error names the command that failed."""
    with tempfile.TemporaryDirectory(prefix="chainward-wheel-") as folder:
        root = Path(folder).resolve()
        assert CHECKOUT not in root.parents, f"{root} lies in the repository; set TMPDIR"
        python = installed(root)
        guarded(python)
        use(python.with_name("chainward"), root)


def installed(root: Path) -> Path:
    """The Python of a new environment that has the wheel and what it asks for."""
    wheels, environment = root / "dist", root / "venv"
    run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        wheels,
        CHECKOUT,
        cwd=root,
    )
    run(sys.executable, "-m", "venv", environment, cwd=root)
    python = environment / "bin" / "python"
    (wheel,) = wheels.glob("chainward-*.whl")
    run(python, "-m", "pip", "install", "-q", "-c", CHECKOUT / "constraints.txt", wheel, cwd=root)
    return python


def guarded(python: Path) -> None:
    """Have every process of the environment watched, and see that it is, and that chainward lies in it."""
    site = Path(run(python, "-c", "import site; print(site.getsitepackages()[0])").strip())
    (site / "repository_guard.py").write_text(GUARD.format(checkout=str(CHECKOUT), caught=CAUGHT), encoding="utf-8")
    (site / "repository_guard.pth").write_text("import repository_guard\n", encoding="utf-8")
    run(python, "-c", f"open({str(CHECKOUT / 'pyproject.toml')!r})", code=CAUGHT)
    package = Path(run(python, "-c", "import chainward; print(chainward.__file__)").strip())
    assert site in package.parents, f"{package} is not of the wheel"


def use(command: Path, root: Path) -> None:
    """Call what a reader of the README calls, in an empty folder."""
    place = root / "empty"
    place.mkdir()
    for line in COMMANDS:
        run(command, *shlex.split(line), cwd=place, home=root / "home")
    plans = json.loads(run(command, "list", "plans", "--json", cwd=place, home=root / "home"))
    assert all(Path(plan["path"]).is_file() and root in Path(plan["path"]).parents for plan in plans), plans
    missing = [path for path in WRITTEN if not (place / path).is_file()]
    assert not missing, f"not written: {missing}"


def run(*arguments: object, cwd: Path = Path("/"), home: Path | None = None, code: int = 0) -> str:
    """The standard output of a program that ends with this code; its time is told."""
    apart = {"PYTHONPATH", "CHAINWARD_DATA", "CHAINWARD_CACHE"}
    environment = {name: value for name, value in os.environ.items() if name not in apart}
    environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home)} if home else {}
    words = [str(argument) for argument in arguments]
    start = time.monotonic()
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=1200, check=False)
    print(f"{time.monotonic() - start:6.1f} s  {shlex.join([Path(words[0]).name, *words[1:]])}", flush=True)
    if done.returncode != code:
        sys.exit(f"exit code {done.returncode}, not {code}:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
