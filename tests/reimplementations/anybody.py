"""The frame of the stateful tests: anybody calls anything at any time, and what the contract promises stays true."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine

from chainward.world import Reverted


class Anybody(RuleBasedStateMachine):
    """A subclass makes its contract in an `initialize` rule or before, and says in `end` what must still be possible.

    Invariants are looked at once that rule has run.
    """

    it: Any = None
    examples: ClassVar[int] = 25
    steps: ClassVar[int] = 20

    def __init_subclass__(cls) -> None:
        cls.TestCase.settings = settings(max_examples=cls.examples, stateful_step_count=cls.steps, deadline=None)

    def accepts(self, act: Callable[[], Any]) -> bool:
        """Whether no contract refuses this."""
        try:
            act()
        except Reverted:
            return False
        return True

    def try_to(self, sender: str, function: str, *arguments: Any, value: int = 0) -> bool:
        """Whether the contract accepts this."""
        return self.accepts(lambda: self.it.send(sender, function, *arguments, value=value))

    def end(self) -> None:
        """Whatever happened before."""

    def teardown(self) -> None:
        if self.it is not None:
            self.end()
