"""Whatever plan, option or name is given: exit code 0, 1 or 2, no traceback, and nothing written outside `--out`."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hostile import EXAMPLES, INTEGERS, TEXTS, VALUES, as_toml, decent, examples, mutated, untouched
from hypothesis import given
from hypothesis import strategies as st

from chainward.folders import CHECKOUT

PLAN: dict[str, Any] = {
    "name": "small",
    "title": "Small",
    "strategies": ["fedavg", {"key": "swarm_learning", "merge": "coordmedian"}, "local_only"],
    "tasks": [{"key": "synthetic", "hospitals": 4, "patients": 30}, "heart"],
    "attacks": ["none", {"kind": "sign_flip", "share": 0.3, "strength": 4.0}],
    "seeds": 1,
    "rounds": 1,
    "track": "common",
    "training": {"learning_rate": 0.1, "batch_size": 16},
    "engine": "cohort",
    "device": "auto",
    "ledger": {"name": "evm", "consensus": "poa", "period_s": 5.0},
    "faults": {"absent": {}, "delay": {}},
    "speeds": {"bits_per_s": 1e7, "jitter": 0.1},
    "flower": {"insecure": False},
    "optional": False,
}
PARTED = {"seeds": 1, "parts": [{"tasks": ["heart"], "strategies": ["bflc"]}, {**PLAN, "optional": True}]}


class Place:
    """A home, a working folder and an output folder, below one root."""

    def __init__(self, root: Path) -> None:
        self.root, self.work, self.out = root, root / "work", root / "out"
        for folder in (self.work, root / "home"):
            folder.mkdir()
        (root / "evil.py").write_text(f"open({str(root / 'executed')!r}, 'w').close()\n", encoding="utf-8")

    def plan(self, text: str | bytes) -> Path:
        path = self.root / "work" / "plan.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Where no trial runs and nothing is fetched: plans are read, and as far as their first trials."""
    found = Place(tmp_path_factory.mktemp("hostile"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(found.work)
        patch.setenv("HOME", str(found.root / "home"))
        patch.setenv("XDG_CACHE_HOME", str(found.root / "home"))
        patch.setenv("CHAINWARD_CACHE", str(tmp_path_factory.mktemp("cache")))  # `data check` may keep a cohort
        patch.setattr("chainward.cli.progress.run_with_progress", _stub)
        patch.setattr("chainward.tasks.downloads.fetch", lambda source, progress: (Path("here/file"),))
        patch.delenv("CHAINWARD_DATA", raising=False)
        yield found


def _stub(plan: Any, out: Path, workers: Any, json_output: bool) -> None:
    assert out.name
    assert [specification.document() for specification in islice(plan.specifications(), 20)]
    assert isinstance(plan.left_out, tuple)


def call(chainward: Any, place: Place, *arguments: Any) -> None:
    shutil.rmtree(place.out, ignore_errors=True)
    with untouched(place.root, place.out):
        decent(chainward(*arguments))


# --- plans ---------------------------------------------------------------------------------------


@examples(0.4)
@given(data=st.data())
def test_any_plan(data: st.DataObject, place: Place, chainward: Any) -> None:
    document = copy.deepcopy(data.draw(st.sampled_from([PLAN, PARTED])))
    path = place.plan(as_toml(data.draw(mutated(document, VALUES))))
    call(chainward, place, "run", path, "--out", place.out)


@examples(0.1)
@given(data=st.data())
def test_any_bytes_for_a_plan(data: st.DataObject, place: Place, chainward: Any) -> None:
    text = as_toml(PLAN).encode()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    new = data.draw(
        st.binary(max_size=8)
        | st.sampled_from([b"[" * 5000, b"{a=" * 3000, b"a." * 5000, b"[[parts]]\n" * 2000, b'"""', b"\xff", b"\x00"])
    )
    call(chainward, place, "run", place.plan(text[:start] + new + text[end:]), "--out", place.out)


# --- options -------------------------------------------------------------------------------------

WORDS = (TEXTS | INTEGERS.map(str) | st.floats().map(str)).filter(lambda text: "\x00" not in text)
ATTACKS = st.sampled_from(["none", "sign_flip:0.3:4", "sign_flip:nan", "sign_flip:1:inf", "label_flip:2", "x:y:z:w"])
PAIRS = st.sampled_from(["hospital 1:1,2", "hospital 1:", ":1", "hospital 1:nan", "hospital 1:1e400", "bits_per_s=1"])
OPTIONS = {
    "run": [
        *("--jobs", "--ray-address", "--name", "--title", "--task", "--strategy", "--seeds", "--rounds", "--track"),
        *("--engine", "--device", "--ledger", "--consensus", "--absent", "--delay", "--attack", "--speed"),
        "--training",
    ],
    "flower export": ["--task", "--seed", "--rounds", "--timeout"],
    "report": ["--assume"],
    "data describe": ["--param"],
}
COMMANDS = st.sampled_from(
    [
        *("run", "run", "run", "report", "verify", "show", "list", "data get", "data list", "data", "data path"),
        *("data check", "data describe"),
        *("new strategy", "new", "flower export", "flower", "nothing"),
    ]
)


@st.composite
def arguments(draw: st.DrawFn, place: Place, plan: Path) -> list[str]:
    """A command with operands and options that may be right."""
    command = draw(COMMANDS)
    operands = {
        "run": [str(plan)],
        "report": [str(place.out)],
        "verify": [str(place.out)],
        "show": [draw(WORDS)],
        "list": [draw(st.sampled_from(["strategies", "tasks", "ledgers", "engines"]) | WORDS)],
        "data get": draw(st.lists(WORDS, max_size=2)),
        "data check": draw(st.lists(WORDS, max_size=2)),
        "data describe": [draw(WORDS | st.just("synthetic")), "--out", str(place.out / "page.html")],
        "new strategy": [draw(WORDS | st.just("my_paper")), "--folder", str(place.out)],
        "flower export": [draw(WORDS), str(place.out)],
        "nothing": [draw(WORDS)],
    }
    pairs = draw(
        st.lists(st.tuples(st.sampled_from(OPTIONS.get(command, ["--json"])), WORDS | ATTACKS | PAIRS), max_size=3)
    )
    more = draw(st.lists(st.sampled_from(["--json", "--insecure", "--help", "--", "-x", "--\x1b[31m"]), max_size=1))
    out = ["--out", str(place.out)] if command == "run" else []
    given_options = [word for option, value in pairs for word in ((option, value) if value else (option,))]
    return [*command.split(), *operands.get(command, []), *out, *given_options, *more]


@examples(0.3)
@given(data=st.data())
def test_any_options(data: st.DataObject, place: Place, chainward: Any) -> None:
    plan = place.plan(as_toml(PLAN))
    call(chainward, place, *data.draw(arguments(place, plan)))


# --- for real ------------------------------------------------------------------------------------

REAL = {
    "a path for a strategy": (["run", "plan.toml", "--out", "{out}", "--strategy", "{root}/evil"], 2),
    "a path to show": (["show", "../evil"], 2),
    "an escape": (["show", "\x1b[31mx"], 2),
    "bytes that are no text": (["run", os.fsdecode(b"\xff\x1b.toml")], 2),
    "an endless file": (["run", "/dev/zero"], 2),
    "whatever data are here": (["data", "check"], 0),
    "tiny": (["run", "tiny.toml", "--out", "{out}"], 0),
}


@pytest.mark.parametrize("case", REAL)
def test_for_real(case: str, tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.plan(as_toml(PLAN))
    tiny = {"strategies": ["fedavg"], "tasks": [{"key": "synthetic", "hospitals": 2, "patients": 20}]}
    (place.work / "tiny.toml").write_text(as_toml({**tiny, "seeds": 1, "rounds": 1}), encoding="utf-8")
    words, code = REAL[case]
    filled = [word.format(out=place.out, root=place.root) for word in words]
    environment = {**os.environ, "HOME": str(tmp_path / "home"), "PYTHONPATH": str(CHECKOUT)}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1"}
    with untouched(place.root, place.out):
        done = subprocess.run(
            [sys.executable, "-m", "chainward", *filled],
            cwd=place.work,
            env={**environment, "XDG_CACHE_HOME": str(tmp_path / "home"), "CHAINWARD_CACHE": str(place.out / "cache")},
            capture_output=True,
            timeout=120,
            check=False,
        )
    assert (done.returncode, b"Traceback" in done.stderr) == (code, False), done.stderr
    assert b"\x1b" not in done.stdout + done.stderr
    assert not (tmp_path / "executed").exists()


def test_no_chart_is_loaded_before_the_first_trial(tmp_path: Path) -> None:
    place = Place(tmp_path)
    plan = place.plan(as_toml({"strategies": ["fedavg"], "tasks": ["synthetic"]}))
    script = (
        "import sys\n"
        "from chainward.cli import main\n"
        "from chainward.trials import runner\n"
        "def run(*_):\n    print({'altair', 'vl_convert'} & set(sys.modules)); sys.exit(0)\n"
        "runner.run = run\n"
        f"sys.argv = ['chainward', 'run', {str(plan)!r}, '--out', {str(place.out)!r}]\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "set()\n", done.stderr


def test_there_are_examples() -> None:
    assert EXAMPLES >= 100
