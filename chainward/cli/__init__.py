"""The command line. Thin: every command is imported only when it is called, so that `--help` is quick."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NoReturn

import click

from chainward.errors import ChainwardError
from chainward.names import visible

_COMMANDS = {
    "data": "See which data a task needs, and get them from their canonical source.",
    "doctor": "Check this machine: versions, device, contracts, data, folders.",
    "flower": "Take a strategy to Flower: write a Flower app that `flwr run` starts.",
    "list": "List strategies, tasks, ledgers or engines.",
    "meds": "Take a report's predictions to MEDS: write them in its evaluation schema.",
    "new": "Start a strategy of your own: file, claims, contract and test.",
    "pack": "Pack the records of a report, or unpack them.",
    "report": "Render the report of a folder again, from its records alone.",
    "rerun": "Run recorded trials again and tell whether they come out equal.",
    "run": "Run a plan and write its report.",
    "show": "Show a strategy's card, claims and contract costs.",
    "verify": "Check that the records of a report are the ones its manifest names.",
}


@contextmanager
def _shown() -> Iterator[None]:
    """Let no argument act on the terminal by way of click's complaint about it."""
    try:
        yield
    except click.ClickException as error:
        vars(error).update(message=visible(error.message, keep="\n\t"))
        raise


class Commands(click.Group):
    """Commands found by name; their one-line help stands here, so that listing them imports nothing."""

    def make_context(self, *arguments: Any, **more: Any) -> click.Context:
        """Read the arguments."""
        with _shown():
            return super().make_context(*arguments, **more)

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command."""
        with _shown():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in alphabetical order."""
        return [*_COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"chainward.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl([*_COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[Any, ...]:
        """Offer the closest command for a misspelled one."""
        import difflib

        close = difflib.get_close_matches(args[0], _COMMANDS, n=1)
        if args[0] not in _COMMANDS and close:
            ctx.fail(f"no command {args[0]!r}; did you mean {close[0]!r}?")
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="chainward")
def group() -> None:
    """Reproduce and compare published ways of combining a blockchain with learning on health records.

    \b
    Examples:
      chainward run benchmarks/demo.toml
      chainward list strategies
      chainward show bflc
      chainward report reports/demo --json
    """


def main() -> None:
    """Run the command line; what a user can mend becomes one line and exit code 2."""
    try:
        group(prog_name="chainward")
    except ChainwardError as error:
        _leave(str(error))
    except OSError as error:  # of a file that is not what it should be; only whoever put it there knows why
        place = error.filename2 or error.filename
        _leave(f"{place}: {error.strerror}; see that it can be read and written" if place else str(error))


def _leave(told: str) -> NoReturn:
    click.echo(f"chainward: {visible(' '.join(told.split()))}", err=True)
    sys.exit(2)
