"""The frame of the stateful tests: anybody calls anything at any time, and what the contract promises stays true."""

from __future__ import annotations

from typing import Any, ClassVar

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine

from chainward.testing.contracts import accepted


class Anybody(RuleBasedStateMachine):
    """A subclass makes its contract in an `initialize` rule or before, and says in `end` what must still be possible.

    Invariants are looked at once that rule has run.
    """

    it: Any = None
    examples: ClassVar[int] = 25
    steps: ClassVar[int] = 20

    def __init_subclass__(cls) -> None:
        cls.TestCase.settings = settings(max_examples=cls.examples, stateful_step_count=cls.steps, deadline=None)

    def try_to(self, sender: str, function: str, *arguments: Any, value: int = 0) -> bool:
        """Whether the contract accepts this."""
        return accepted(lambda: self.it.send(sender, function, *arguments, value=value))

    def end(self) -> None:
        """Whatever happened before."""

    def teardown(self) -> None:
        if self.it is not None:
            self.end()
