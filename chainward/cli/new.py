"""`chainward new`."""

from __future__ import annotations

import json
import keyword
import os
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from chainward.cli.paths import Folder

TEMPLATES = Path(__file__).parent / "templates"

COMPILER_FILES = ("compile.mjs", "package.json")

PLAN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Kind:
    """What can be started: template -> file, inside a checkout of chainward and in a package of one's own; what to do
    next in either; the templates in which the name stands as a class."""

    what: str
    group: str
    checkout_files: Mapping[str, str]
    package_files: Mapping[str, str]
    checkout_steps: tuple[str, ...]
    package_steps: tuple[str, ...]
    named_in: tuple[str, ...]


STRATEGY = Kind(
    what="strategy",
    group="strategies",
    checkout_files={
        "strategy.py": "reimplementations/{key}.py",
        "claims.toml": "reimplementations/{key}.toml",
        "contract.sol": "contracts/src/{name}.sol",
        "test.py": "tests/reimplementations/test_{key}.py",
    },
    package_files={
        "pyproject.toml": "pyproject.toml",
        "package.py": "chainward_{key}/__init__.py",
        "strategy.py": "chainward_{key}/{key}.py",
        "claims.toml": "chainward_{key}/{key}.toml",
        "contract.sol": "chainward_{key}/src/{name}.sol",
        "test.py": "tests/test_{key}.py",
    },
    checkout_steps=(
        "cd {folder}",
        "make contracts gas-snapshot",
        "python -m pytest tests/reimplementations/test_{key}.py",
        "chainward run demo --strategy fedavg --strategy {key}",
    ),
    package_steps=(
        "cd {folder}",
        "pip install -e '.[dev]'",
        "chainward contracts compile chainward_{key}",
        "python -m pytest tests",
        "chainward show {key}",
        "chainward run demo --strategy fedavg --strategy {key} --task heart",
    ),
    named_in=("strategy.py", "contract.sol"),
)
TASK = Kind(
    what="task",
    group="tasks",
    checkout_files={"task.py": "chainward/tasks/{key}.py", "task_test.py": "tests/tasks/test_{key}.py"},
    package_files={
        "pyproject.toml": "pyproject.toml",
        "package.py": "chainward_{key}/__init__.py",
        "task.py": "chainward_{key}/{key}.py",
        "task_test.py": "tests/test_{key}.py",
    },
    checkout_steps=(
        "cd {folder}",
        "python -m pytest tests/tasks/test_{key}.py",
        "chainward data describe {key}",
        "chainward run demo --task {key}",
    ),
    package_steps=(
        "cd {folder}",
        "pip install -e '.[dev]'",
        "python -m pytest tests",
        "chainward data describe {key}",
        "chainward run --task {key}",
    ),
    named_in=("task.py",),
)


@click.group("new")
def command() -> None:
    """Start something of your own.

    \b
    Examples:
      chainward new strategy my_paper
      chainward new task my_hospitals
      chainward new plan my_plan
    """


@command.command("strategy")
@click.argument("name")
@click.option("--folder", type=Folder(path_type=Path), help="Where [the checkout around here, else NAME/].")
@click.option("--json", "json_output", is_flag=True, help="Print the files and next steps as JSON.")
def strategy(name: str, folder: Path | None, json_output: bool) -> None:
    """Write a working strategy called NAME with its claims, contract and test.

    In a checkout of chainward the files go where the line-up finds them; anywhere else they are a package of their own
    in a new folder, which chainward finds once it is installed. Nothing is overwritten.

    \b
    Examples:
      chainward new strategy my_paper
      chainward new strategy my_paper --folder ../my_paper --json
    """
    from chainward.strategy.discovery import keys

    check(STRATEGY, name, keys())
    root, inside = _place(folder, name)
    texts = _filled(STRATEGY, name, inside) | ({} if inside else _compiler(name))
    _start(STRATEGY, name, root, inside, texts, json_output)


@command.command("task")
@click.argument("name")
@click.option("--folder", type=Folder(path_type=Path), help="Where [the checkout around here, else NAME/].")
@click.option("--json", "json_output", is_flag=True, help="Print the files and next steps as JSON.")
def task(name: str, folder: Path | None, json_output: bool) -> None:
    """Write a working task called NAME, of invented patients, with its test.

    In a checkout of chainward the files go where tasks are found; anywhere else they are a package of their own in a
    new folder, which chainward finds once it is installed. Nothing is overwritten.

    \b
    Examples:
      chainward new task my_hospitals
      chainward new task my_hospitals --folder ../my_hospitals --json
    """
    from chainward import tasks

    check(TASK, name, tasks.names())
    root, inside = _place(folder, name)
    _start(TASK, name, root, inside, _filled(TASK, name, inside), json_output)


@command.command("plan")
@click.argument("name")
@click.option("--folder", type=Folder(path_type=Path), default=".", help="Where [the current folder].")
@click.option("--json", "json_output", is_flag=True, help="Print the file and next steps as JSON.")
def plan(name: str, folder: Path, json_output: bool) -> None:
    """Write NAME.toml, a plan with a word on each field that runs as it is. Nothing is overwritten.

    \b
    Examples:
      chainward new plan my_plan
      chainward new plan my_plan --folder plans --json
    """
    from chainward.plans import shipped

    stem = name.removesuffix(shipped.SUFFIX)
    check_plan(stem)
    written = write(folder, {f"{stem}{shipped.SUFFIX}": _template("plan.toml", {"name": stem})})
    here = stem if folder == Path() else shlex.quote(str(written[0]))
    _tell(written, [f"chainward run {here} --estimate", f"chainward run {here} --jobs 2"], json_output)


def check_plan(name: str) -> None:
    """Refuse a name that no plan can have, or that is one of those that come with chainward.

    Raises:
        ChainwardError: it is so.
    """
    from chainward.errors import ChainwardError
    from chainward.names import LONGEST, quoted
    from chainward.plans import shipped

    if not PLAN_NAME.fullmatch(name) or len(name) > LONGEST:
        told = f"write at most {LONGEST} letters, digits, '.', '_' or '-', such as my_plan"
        raise ChainwardError(f"name {quoted(name)}: {told}")
    if name in shipped.NAMES:
        raise ChainwardError(f"name {name!r}: a plan that comes with chainward is called so; choose another")


def _place(folder: Path | None, name: str) -> tuple[Path, bool]:
    """Where files go, and whether that is a checkout."""
    root = folder or _checkout(Path.cwd()) or Path.cwd() / name
    return root, _is_checkout(root)


def _start(kind: Kind, name: str, root: Path, inside: bool, texts: Mapping[str, str], json_output: bool) -> None:
    """Write the files and tell them and what to do next."""
    written = write(root, texts)
    steps = kind.checkout_steps if inside else kind.package_steps
    _tell(written, [step.format(key=name, folder=shlex.quote(str(root))) for step in steps], json_output)


def _tell(written: Sequence[Path], following: Sequence[str], json_output: bool) -> None:
    from chainward.cli.output import as_json, tell

    if json_output:
        as_json({"files": [str(path) for path in written], "next": list(following)})
    else:
        tell("\n  ".join(["written:", *map(str, written)]))
        tell("\n  ".join(["next:", *following]))


def check(kind: Kind, name: str, taken: Collection[str]) -> None:
    """Refuse a name that cannot be a key, or is one of those `taken`.

    Raises:
        ChainwardError: it is no identifier in lower case, its class would hide a name of the template, or it is taken.
    """
    from chainward.errors import ChainwardError
    from chainward.names import LONGEST, is_key, quoted

    if not is_key(name) or keyword.iskeyword(name):
        raise ChainwardError(
            f"name {quoted(name)}: write an identifier in lower case of {LONGEST} letters at most, such as my_paper"
        )
    texts = [(TEMPLATES / f"{file}.jinja").read_text(encoding="utf-8") for file in kind.named_in]
    if re.search(rf"\b{camel(name)}\b", "".join(texts)):
        raise ChainwardError(f"name {name!r}: its files need {camel(name)} for something else; choose another")
    if name in taken:
        listed = f"see `chainward list {kind.group}`"
        raise ChainwardError(f"name {name!r}: there is such a {kind.what}, {listed}; choose another")


def write(root: Path, texts: Mapping[str, str]) -> list[Path]:
    """Write new files below `root`, given by path and text, and return their paths.

    Raises:
        ChainwardError: one of them exists, then none is written; or one cannot be written.
    """
    from chainward.errors import ChainwardError

    paths = [root / path for path in texts]
    for path in paths:
        if os.path.lexists(path):
            raise ChainwardError(f"{path}: exists and is left as it is; choose another name or --folder")
    for path, text in zip(paths, texts.values(), strict=True):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise ChainwardError(f"{path}: cannot be written ({error.strerror}); choose another --folder") from None
    return paths


def camel(key: str) -> str:
    """Return the name of the class and the contract: my_paper becomes MyPaper."""
    return "".join(part[:1].upper() + part[1:] for part in key.split("_"))


def _filled(kind: Kind, key: str, inside: bool) -> dict[str, str]:
    """Path -> text of every file of a kind."""
    names = {"key": key, "name": camel(key), "what": kind.what, "group": kind.group}
    files = kind.checkout_files if inside else kind.package_files
    return {path.format(**names): _template(template, {**names, "inside": inside}) for template, path in files.items()}


def _template(name: str, fields: Mapping[str, object]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    return environment.get_template(f"{name}.jinja").render(fields)


def _compiler(key: str) -> dict[str, str]:
    """Path -> text of what compiles contracts: a wheel has it among the templates, a checkout with its contracts."""
    from chainward.folders import CHECKOUT

    places = [folder / name for name in COMPILER_FILES for folder in (TEMPLATES, CHECKOUT / "contracts")]
    found = {path.name: path.read_text(encoding="utf-8") for path in places if path.is_file()}
    package = json.loads(found["package.json"])
    del package["optionalDependencies"]  # a node that only our own tests start
    found["package.json"] = (
        json.dumps({**package, "name": f"chainward-{key.replace('_', '-')}-contracts"}, indent=2) + "\n"
    )
    return {f"chainward_{key}/{name}": text for name, text in found.items()}


def _checkout(here: Path) -> Path | None:
    return next((path for path in (here, *here.parents) if _is_checkout(path)), None)


def _is_checkout(folder: Path) -> bool:
    return (folder / "reimplementations").is_dir() and (folder / "contracts" / "src").is_dir()
