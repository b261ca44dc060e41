"""2CP's contracts with trainers that commit and reveal, and whoever evaluates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from papers import NOBODY, STRANGER

from chainward.methods import commitment
from chainward.testing import OnChain

ONE, WINDOW, COMMITTING, REVEALING = 10**18, 10, 0, 1
ENDLESS, NEVER = 2**256 - 1, 2**64 - 1
ALICE = "alice"
SALT = b"\x05" * 32


def named(text: str) -> bytes:
    """A digest that can be told apart."""
    return text.encode().rjust(32, b"\0")


@dataclass
class Protocol(OnChain):
    """A crowdsource of trainers a, b, ... and alice, or a consortium of them, and whatever a test has them do."""

    trainers: Sequence[str] = "ab"
    evaluator: str = ALICE
    budget: int = ENDLESS

    def __post_init__(self) -> None:
        arguments = [self.evaluator, list(self.trainers), self.budget, WINDOW]
        self.deploy("TwoCP", arguments, "founder")

    def late(self, blocks: int = WINDOW + 1) -> Protocol:
        return self.wait(blocks)

    def commit(self, trainer: str, digest: bytes, run: int = 0, by: str = "") -> Protocol:
        """Commit to an update, under the domain of `trainer`, sent by another where named."""
        sealed = commitment.sealed(self.call("domains", trainer)[run], SALT, digest)
        self.send(by or trainer, "commit", [run], [sealed])
        return self

    def reveal(self, trainer: str, digest: bytes, run: int = 0) -> Protocol:
        self.send(trainer, "reveal", [run], [SALT], [digest])
        return self

    def close(self) -> Protocol:
        self.send(STRANGER, "close")
        return self

    def score(self, evaluator: str, tokens: Mapping[bytes, int], run: int = 0) -> Protocol:
        self.send(evaluator, "setTokens", run, list(tokens), list(tokens.values()))
        return self

    def play(self, digests: Mapping[str, bytes], run: int = 0) -> Protocol:
        """One round in which everybody named takes part, and all others are late."""
        for act in (self.commit, self.reveal):
            for trainer, digest in digests.items():
                act(trainer, digest, run)
            if act == self.commit and self.call("waits", COMMITTING):
                self.late().close()
        return self


def consortium(trainers: str = "abc") -> Protocol:
    protocol = Protocol(trainers, NOBODY)
    for trainer in trainers:
        protocol.send("founder", "addAux", trainer)
    return protocol


A, B, C = named("A"), named("B"), named("C")
