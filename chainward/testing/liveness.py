"""Random runs of a contract, at the end of which any of its parties fall silent for ever.

Whatever happened before, each phase must end after its deadline, by whoever is left or by an outsider, and every wei
must find its way home. On the way value is conserved, nobody acts twice in a phase, and phases only go forward. It
needs hypothesis. Whoever has a contract says what its parties do, and lets pytest collect the test:

    class Waiting(Liveness):
        parties = ("a", "b", "c")
        acts = {
            "enrol": lambda it, sender, draw: it.send(sender, "enrol", value=10),
            "vote": lambda it, sender, draw: it.send(sender, "vote", draw(st.integers(0, 7))),
        }
        owes, keeps = "collectable", ("pool",)

        def make(self, draw):
            return Federation()

        def resting(self):
            return self.it.call("phase") == Phase.OVER

    TestWaiting = Waiting.TestCase
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chainward.testing.contracts import OnChain, accepted

OUTSIDER = "outsider"
"""Somebody who is no party, and is always awake."""

Draw = Callable[[st.SearchStrategy[Any]], Any]
Act = Callable[[Any, str, Draw], Any]


class Liveness(RuleBasedStateMachine):
    """What anybody does at any time, who sleeps in the end, and what must be possible then."""

    parties: ClassVar[Sequence[str]]
    """Everybody by name who may act or pay, whoever deploys the contract too."""
    acts: ClassVar[Mapping[str, Act]]
    """What a party can do, given the chain, its name and how to draw what it says."""
    repeatable: ClassVar[frozenset[str]] = frozenset()
    """The acts that one may do again in a phase."""
    forward: ClassVar[Sequence[str]] = ("round", "phase")
    """Views that tell how far the contract is, the first weighing most; they never fall."""
    ends: ClassVar[Sequence[str]] = ("close",)
    """Functions that end an overdue phase."""
    owes: ClassVar[str] = ""
    """The view of what a party may collect; without it and `keeps` the contract takes no money."""
    keeps: ClassVar[Sequence[str]] = ()
    """Views of the wei that the contract has and owes nobody yet."""
    collects: ClassVar[Sequence[str]] = ("collect",)
    """Functions that pay a party out."""
    windows: ClassVar[int] = 20
    """Phases after which all must be settled, or nothing be learned from more."""
    examples: ClassVar[int] = 25
    steps: ClassVar[int] = 15

    it: OnChain
    _sound = False

    def __init_subclass__(cls) -> None:
        cls.TestCase.settings = settings(
            max_examples=cls.examples,
            stateful_step_count=cls.steps,
            deadline=None,
            report_multiple_bugs=False,
            # A run is cut off where all that is drawn in it has become too much, which now and then happens to many.
            suppress_health_check=(*settings().suppress_health_check, HealthCheck.data_too_large),
        )

    def make(self, draw: Draw) -> OnChain:
        """Return the contract as its parties find it."""
        raise NotImplementedError

    def resting(self) -> bool:
        """Whether the contract waits for nobody: all is over, or nobody has come yet."""
        return False

    def stand(self) -> tuple[Any, ...]:
        """Return how far the contract is."""
        return tuple(self.it.call(view) for view in self.forward)

    def deadline(self) -> Any:
        """Return what else changes when a phase ends, or begins anew."""
        return self.it.call("deadline")

    def pass_deadline(self) -> None:
        """Let the phase's time pass."""
        self.it.pass_deadline()

    def end_phase(self, sender: str) -> bool:
        """Have somebody do what may end an overdue phase; tell whether the contract took it."""
        return any(accepted(partial(self.it.send, sender, name)) for name in self.ends)

    # --- the run ---------------------------------------------------------------------------------

    @initialize(data=st.data())
    def _begin(self, data: st.DataObject) -> None:
        self.it = self.make(data.draw)
        everybody = set(self.parties)
        self._sleepers = data.draw(st.just(everybody) | st.sets(st.sampled_from(self.parties)), label="will sleep")
        self._done = set[tuple[Any, ...]]()
        self._before = self.stand()
        self._sound = True

    @rule(data=st.data())
    def _somebody_acts(self, data: st.DataObject) -> None:
        """Right or wrong."""
        name = data.draw(st.sampled_from(sorted(self.acts)))
        self._does(data.draw(st.sampled_from([*self.parties, OUTSIDER])), name, data.draw)

    @rule(data=st.data())
    def _some_do_what_they_may(self, data: st.DataObject) -> None:
        for sender in data.draw(st.lists(st.sampled_from(self.parties), unique=True, min_size=1)):
            any(self._does(sender, name, data.draw) for name in self.acts)

    @rule(blocks=st.integers(1, 3))
    def _blocks_pass(self, blocks: int) -> None:
        self.it.wait(blocks)

    @rule(data=st.data())
    def _phase_is_overdue(self, data: st.DataObject) -> None:
        self.pass_deadline()
        self.end_phase(data.draw(st.sampled_from([*self.parties, OUTSIDER])))

    @invariant()
    def _goes_forward(self) -> None:
        now = self.stand()
        self._demand(now >= self._before, f"{self.forward} went from {self._before} back to {now}")
        self._before = now

    @invariant()
    def _value_is_conserved(self) -> None:
        if self.owes or self.keeps:
            self._demand(self._held() == self._owed(), "what the contract holds is not what it owes")

    def teardown(self) -> None:
        """Send whoever will sleep to sleep."""
        if self._sound:
            self._outlast()
            self._take_home()

    def _outlast(self) -> None:
        """Let phase after phase pass in which the sleepers do nothing, and the others no more than end it."""
        awake = [party for party in self.parties if party not in self._sleepers]
        for _ in range(self.windows):
            if self.resting():
                break
            before = (self.stand(), self.deadline())
            self.pass_deadline()
            while (self.stand(), self.deadline()) == before:  # some contracts first remove who is late, one by one
                ended = any(self.end_phase(sender) for sender in [OUTSIDER, *awake])
                self._demand(ended, f"{self.forward} = {before[0]} never ends while {sorted(self._sleepers)} sleep")
            self._goes_forward()
            self._value_is_conserved()

    def _take_home(self) -> None:
        """Pay out everybody, who may have been asleep."""
        if self.owes or self.keeps:
            for party in [*self.parties, OUTSIDER]:
                for name in self.collects:
                    accepted(partial(self.it.send, party, name))
            self._demand(self._held() == 0, f"{self._held()} wei are locked for ever")

    def _does(self, sender: str, name: str, draw: Draw) -> bool:
        phase = (*self.stand(), self.deadline())
        taken = accepted(partial(self.acts[name], self.it, sender, draw))
        if taken and name not in self.repeatable:
            self._demand((phase, sender, name) not in self._done, f"{sender} did {name} twice in {phase}")
            self._done.add((phase, sender, name))
        return taken

    def _demand(self, holds: bool, complaint: str) -> None:
        """Fail unless something holds, and end the run there."""
        self._sound = holds
        assert holds, complaint

    def _held(self) -> int:
        return self.it.holds([*self.parties, OUTSIDER])

    def _owed(self) -> int:
        kept = sum(int(self.it.call(view)) for view in self.keeps)
        return kept + sum(int(self.it.call(self.owes, party)) for party in [*self.parties, OUTSIDER] if self.owes)
