from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from chainward.cli import group
from chainward.folders import CHECKOUT

HEAVY = ("altair", "jinja2", "numpy", "pandas", "pydantic", "pyrevm", "rich", "sklearn", "torch")


def commands(parent: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below a group with the words that call it, groups included."""
    context = click.Context(parent)
    for name in parent.list_commands(context):
        command = parent.get_command(context, name)
        assert command is not None
        yield (*words, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))


COMMANDS = {" ".join(words): command for words, command in commands(group)}


def examples(command: click.Command) -> list[str]:
    """The lines below "Example:" or "Examples:" of a command's help."""
    lines = [line.strip() for line in (command.help or "").splitlines()]
    start = next((number for number, line in enumerate(lines) if line in ("Example:", "Examples:")), len(lines))
    return [line for line in lines[start + 1 :] if line]


@pytest.mark.parametrize("arguments", [["--help"], [], ["lst"]])
def test_help_is_quick_because_nothing_heavy_is_imported(arguments: list[str]) -> None:
    script = (
        "import sys\n"
        f"sys.argv = ['chainward', *{arguments!r}]\n"
        "from chainward.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('imported:', *(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1].rstrip() == "imported:"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_examples_that_call_the_command(name: str, chainward) -> None:
    told = chainward(*name.split(), "--help")
    assert told.code == 0
    lines = examples(COMMANDS[name])
    assert lines
    for line in lines:
        assert line in told.out
        assert line.startswith(f"chainward {name}")


@pytest.mark.parametrize("line", [line for command in (group, *COMMANDS.values()) for line in examples(command)])
def test_every_example_is_a_command_line_that_parses(line: str) -> None:
    command: click.Command = group
    context = click.Context(group)
    _, *arguments = shlex.split(line)
    while isinstance(command, click.Group):
        _, found, arguments = command.resolve_command(context, arguments)
        assert found is not None
        command = found
    command.make_context(line, arguments, parent=context)


def test_every_command_is_listed(chainward) -> None:
    told = " ".join(chainward("--help").out.split())
    top = {name: command for name, command in COMMANDS.items() if " " not in name}
    assert set(top) == {
        "audit",
        "compare",
        "contracts",
        "data",
        "doctor",
        "flower",
        "list",
        "meds",
        "new",
        "pack",
        "recommend",
        "report",
        "rerun",
        "run",
        "show",
        "verify",
    }
    assert all(name in told for name in top)


def test_a_misspelled_command_is_offered_the_closest(chainward) -> None:
    refused = chainward("lst")
    assert refused.code == 2
    assert "did you mean 'list'?" in refused.err
