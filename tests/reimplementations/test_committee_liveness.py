"""BFLC, ExplorerChain and Swarm Learning go on whoever falls silent for ever."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from hypothesis import strategies as st
from test_bflc_contract import Federation
from test_explorer_chain_contract import CLEAR, CONSENSUS, Board
from test_swarm_learning_contract import CHECK_IN, Swarm

from chainward.testing.liveness import Act, Draw, Liveness
from chainward.world import Receipt

ERRORS = st.sampled_from([1, 2, 3, 4, 600_000, 700_000])


def contents(draw: Draw) -> str:
    return f"model {draw(st.integers(0, 9))}"


class Scoring(Liveness):
    """BFLC never rests, but for a consortium of which fewer than two registered: there is nobody to train."""

    parties = ("h1", "h2", "h3", "h4", "h5", "h6")
    forward = ("epoch", "phase")

    @staticmethod
    def register(it: Any, sender: str, _: Draw) -> Receipt:
        return it.send(sender, "register")

    @staticmethod
    def propose(it: Any, sender: str, draw: Draw) -> Receipt:
        return it.send(sender, "propose", contents(draw))

    @staticmethod
    def score(it: Any, sender: str, draw: Draw) -> Receipt:
        count = len(it.call("updates", it.call("epoch"))[0])
        return it.send(sender, "score", draw(st.lists(st.integers(0, 1_000_000), min_size=count, max_size=count)))

    acts: ClassVar[Mapping[str, Act]] = {"register": register, "propose": propose, "score": score}

    def make(self, draw: Draw) -> Federation:
        committee = draw(st.integers(1, 3))
        wanted = draw(st.integers(committee, 6 - committee))
        return Federation(committee=committee, wanted=wanted, merged=draw(st.integers(1, wanted)))

    def resting(self) -> bool:
        return bool(self.it.call("registered") < 2)


class Travelling(Liveness):
    """ExplorerChain rests once there is a consensus, and before anybody is there."""

    parties = ("hospital 1", "hospital 2", "hospital 3")
    ends = ("advance",)

    @staticmethod
    def clear(it: Any, sender: str, _: Draw) -> Receipt:
        return it.send(sender, "clear")

    @staticmethod
    def initialize(it: Any, sender: str, draw: Draw) -> Receipt:
        return it.send(sender, "initialize", draw(st.integers(0, 9)), sender[-1].encode() * 32)

    @staticmethod
    def update(it: Any, sender: str, draw: Draw) -> Receipt:
        if it.call("ready"):
            return it.send(sender, "update", it.call("iteration"), it.call("errorE6"), it.call("model"))
        return it.send(sender, "update", it.call("iteration"), draw(ERRORS), sender[-1].encode() * 32)

    @staticmethod
    def evaluate(it: Any, sender: str, draw: Draw) -> Receipt:
        return it.send(sender, "evaluate", it.call("iteration"), draw(ERRORS))

    @staticmethod
    def unreadable(it: Any, sender: str, _: Draw) -> Receipt:
        return it.send(sender, "unreadable", it.call("iteration"))

    @staticmethod
    def rejoin(it: Any, sender: str, draw: Draw) -> Receipt:
        return it.send(sender, "rejoin", draw(st.integers(0, 9)))

    acts: ClassVar[Mapping[str, Act]] = {
        "clear": clear,
        "initialize": initialize,
        "update": update,
        "evaluate": evaluate,
        "unreadable": unreadable,
        "rejoin": rejoin,
    }

    def make(self, draw: Draw) -> Board:
        return Board(self.parties, omega=draw(st.integers(0, 4)))

    def stand(self) -> tuple[Any, ...]:
        """Turns only rise; within one, an update leads to a consensus or to the next."""
        return (self.it.call("turn"),)

    def deadline(self) -> Any:
        return self.it.call("deadline"), self.it.call("phase")

    def resting(self) -> bool:
        phase = self.it.call("phase")
        return bool(phase == CONSENSUS or (phase == CLEAR and self.it.call("posted") == 0))


class Merging(Liveness):
    """Swarm Learning rests, as published, while fewer are ready than may merge."""

    parties = ("a", "b", "c")
    ends = ("close", "elect", "replaceLeader")

    @staticmethod
    def enrol(it: Any, sender: str, draw: Draw) -> Receipt:
        return it.send(sender, "enrol", draw(st.integers(1, 100)))

    @staticmethod
    def check_in(it: Any, sender: str, _: Draw) -> Receipt:
        return it.send(sender, "checkIn", it.call("round"), sender[0].encode() * 32)

    @staticmethod
    def deliver(it: Any, sender: str, draw: Draw) -> Receipt:
        return it.send(sender, "deliver", it.call("round"), sender[0].encode() * 32, contents(draw))

    acts: ClassVar[Mapping[str, Act]] = {"enrol": enrol, "check in": check_in, "deliver": deliver}

    def make(self, draw: Draw) -> Swarm:
        peers = draw(st.integers(1, 3))
        return Swarm(peers=peers, awaited=draw(st.integers(peers, 3)))

    def stand(self) -> tuple[Any, ...]:
        """A round whose leaders are all silent goes back to its check-in, with fewer of those it had."""
        return (self.it.call("round"),)

    def deadline(self) -> Any:
        return self.it.call("deadline"), self.it.call("phase")

    def resting(self) -> bool:
        return bool(self.it.call("phase") == CHECK_IN and self.it.call("readyCount") < self.it.call("minPeers"))


TestScoring, TestTravelling, TestMerging = Scoring.TestCase, Travelling.TestCase, Merging.TestCase
