"""What a shell completes: keys of strategies, tasks, plans, engines and ledgers, found without loading any of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _completer(values: Callable[[], Iterable[str]], files: bool = False) -> Completer:
    """Offer the values that go on from what was typed, and files too where the option takes one."""

    def complete(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
        found = [CompletionItem(value) for value in values() if value.startswith(typed)]
        return found + ([CompletionItem(typed, type="file")] if files else [])

    return complete


def strategy_keys() -> list[str]:
    """Return the keys of all strategies, as `chainward.strategy.discovery.keys` does."""
    from chainward.folders import REIMPLEMENTATIONS

    return _with_installed([path.stem for path in REIMPLEMENTATIONS.glob("[!_]*.py")], "chainward.strategies")


def task_keys() -> list[str]:
    """Return the keys of all tasks, as `chainward.tasks.names` does: a module whose name is its key is one."""
    from chainward.folders import PACKAGE

    texts = {path.stem: path.read_text(encoding="utf-8") for path in (PACKAGE / "tasks").glob("[!_]*.py")}
    own = [name for name, text in texts.items() if re.search(rf'^    key = "{name}"$', text, re.MULTILINE)]
    return _with_installed(own, "chainward.tasks")


def plan_names() -> tuple[str, ...]:
    """Return the names of the plans that come with chainward."""
    from chainward.plans import shipped

    return shipped.NAMES


def _engine_keys() -> Iterable[str]:
    from chainward.engines import ENGINES

    return ENGINES


def _ledger_keys() -> Iterable[str]:
    from chainward.ledgers import LEDGERS

    return LEDGERS


def _with_installed(own: list[str], group: str) -> list[str]:
    from chainward import plugins

    return [*sorted(own), *sorted(plugins.keys(group) - set(own))]


strategies = _completer(strategy_keys)
tasks = _completer(task_keys)
plans = _completer(plan_names, files=True)
engines = _completer(_engine_keys)
ledgers = _completer(_ledger_keys)
