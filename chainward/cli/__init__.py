"""The command line. Thin: every command is imported only when it is called, so that `--help` is quick."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import TracebackType
from typing import Any, NoReturn

import click

from chainward.cli import streams
from chainward.errors import ChainwardError, Stopped

_COMMANDS = {
    "audit": "Check published figures against protocol floors and arithmetic.",
    "compare": "Tell what changed between two reports, and whether it is beyond the gates.",
    "contracts": "Compile the contracts of a strategy of your own.",
    "data": "See which data a task needs, and get them from their canonical source.",
    "doctor": "Check this machine: versions, device, contracts, data, folders.",
    "flower": "Take a strategy to Flower: write a Flower app that `flwr run` starts.",
    "list": "List strategies, tasks, plans, ledgers or engines.",
    "meds": "Take a report's predictions to MEDS: write them in its evaluation schema.",
    "new": "Start a strategy, a task or a plan of your own.",
    "pack": "Pack the records of a report, or unpack them.",
    "recommend": "Tell which papers satisfy given needs, and why the others do not.",
    "report": "Render the report of a folder again, from its records alone.",
    "rerun": "Run recorded trials again and tell whether they come out equal.",
    "run": "Run a plan and write its report.",
    "show": "Show a strategy's card, claims and contract costs.",
    "verify": "Check that the records of a report are the ones its manifest names.",
}

_ERROR = "Error: "
"""What click begins a complaint with."""

LONGEST = 3000
"""Characters of a message that are printed."""


@contextmanager
def _shown() -> Iterator[None]:
    """Let no argument act on the terminal by way of click's complaint about it."""
    try:
        yield
    except click.ClickException as error:
        told = "\n".join(_fitted(f"{_ERROR}{error.format_message()}", keep="\n\t")).removeprefix(_ERROR)
        vars(error).update(format_message=lambda: told)
        raise


class Commands(click.Group):
    """Commands found by name; their one-line help stands here, so that listing them imports nothing."""

    def make_context(self, *arguments: Any, **more: Any) -> click.Context:
        """Read the arguments."""
        with _shown():
            return super().make_context(*arguments, **more)

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command; who stops it by Ctrl-C gets the exit code that says so."""
        try:
            with _shown():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("stopped by Ctrl-C", file=sys.stderr)
            raise Stopped(signal.SIGINT) from None

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
@click.version_option(None, "-V", "--version", package_name="chainward")
def group() -> None:
    """Reproduce and compare published ways of combining a blockchain with learning on health records.

    \b
    The shell completes commands and keys after this line (or zsh_source; fish has another, see the documentation):
      eval "$(_CHAINWARD_COMPLETE=bash_source chainward)"

    \b
    Examples:
      chainward run demo
      chainward list strategies
      chainward show bflc
      chainward report reports/demo --json
    """


def main() -> None:
    """Run the command line; what a user can mend becomes one line and exit code 2."""
    streams.forgive()
    sys.excepthook = _tell_of_a_bug
    try:
        group(prog_name="chainward")
    except ChainwardError as error:
        _leave(str(error))
    except OSError as error:  # of a file that is not what it should be; only whoever put it there knows why
        place = error.filename2 or error.filename
        _leave(f"{place}: {error.strerror}; see that it can be read and written" if place else str(error))


def _tell_of_a_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print a traceback as Python does, but for what in its texts would act on the terminal."""
    import traceback

    told = "".join(traceback.format_exception(kind, error, trace))
    click.echo(streams.for_stream(sys.stderr, told), nl=False, file=sys.stderr)


def _leave(told: str) -> NoReturn:
    for line in _fitted(f"chainward: {_cut(' '.join(told.split()))}"):
        click.echo(line, file=sys.stderr)
    sys.exit(2)


def _cut(told: str) -> str:
    """What a screen holds of a message; who made it longer knows the rest."""
    return told if len(told) <= LONGEST else f"{told[:LONGEST]}… ({len(told) - LONGEST:,} more characters)"


def _fitted(text: str, keep: str = "\n") -> list[str]:
    """The lines of a message as standard error can show them."""
    told, across = streams.for_stream(sys.stderr, text, keep), streams.width(sys.stderr)
    if across is None:
        return [told]
    from chainward.cli.layout import wrapped  # loads rich

    return wrapped(told, across)
