"""BinDaaS's contract with authorities, hospitals and a provider, and trials of it in which somebody goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak
from papers import module, preparing

from chainward.methods.packing import bits, joined
from chainward.strategy import discovery
from chainward.testing import OnChain, varied
from chainward.world import Memory, Receipt, Site

KEYS, REGISTERING, SIGNING, VERIFYING, ENDORSING, GRANTING, TRAINING, IDLE = range(8)
PROVIDER, PHASE = "provider", 10
ONE = b"\1" * 32
prepared = preparing("bindaas", hospitals=4, rounds=2, patients=40)


@dataclass
class Service(OnChain):
    """One contract with authorities x, y, hospitals a, b, c, and whatever a test has them do."""

    authorities: Sequence[str] = "xy"
    hospitals: Sequence[str] = "abc"
    provider: str = PROVIDER

    def __post_init__(self) -> None:
        self.deploy("BinDaaS", [list(self.authorities), list(self.hospitals), self.provider, PHASE], "founder")

    def late(self) -> Service:
        """Let the phase's deadline pass."""
        return self.wait(PHASE + 1)

    def close(self, sender: str = "stranger") -> Service:
        self.send(sender, "close")
        return self

    def keyed(self, authorities: Iterable[str] | None = None) -> Service:
        for name in self.authorities if authorities is None else authorities:
            self.send(name, "registerKey", keccak(name.encode()))
        return self

    def registered(self, hospitals: Iterable[str] | None = None, consents: bool = True) -> Service:
        for name in self.hospitals if hospitals is None else hospitals:
            self.send(name, "register", keccak(name.encode()), consents)
        return self

    def words(self, names: Iterable[str]) -> tuple[int, ...]:
        mask = bits(list(names), list(self.hospitals))
        return tuple(mask >> start & 2**256 - 1 for start in range(0, len(self.hospitals), 256))

    def attested(self, names: Iterable[str] | None = None, authorities: Iterable[str] | None = None) -> Service:
        """Authorities say that they signed the records of these hospitals."""
        names = self.hospitals if names is None else names
        for authority in self.authorities if authorities is None else authorities:
            self.send(authority, "attest", self.words(names), ONE)
        return self

    def voted(self, names: Iterable[str] | None = None, hospitals: Iterable[str] | None = None) -> Service:
        """Hospitals find the records of these well signed."""
        verdict = keccak(joined(self.words(self.hospitals if names is None else names)))
        for hospital in self.hospitals if hospitals is None else hospitals:
            self.send(hospital, "vote", verdict)
        return self

    def accept(self, names: Iterable[str] | None = None) -> Receipt:
        return self.send("anybody", "accept", self.words(self.hospitals if names is None else names))

    def ready(self) -> Service:
        """All went well, and the contract waits for a request."""
        self.keyed().registered().attested().voted().accept()
        return self

    def request(self) -> Service:
        self.send(PROVIDER, "request", ONE)
        return self

    def endorsed(self, authorities: Iterable[str] | None = None) -> Service:
        for authority in self.authorities if authorities is None else authorities:
            self.send(authority, "endorse", ONE)
        return self

    def granted(self) -> Service:
        return self.request().endorsed()

    def redeem(self, token: int | None = None) -> Service:
        self.send(PROVIDER, "redeem", self.call("round") if token is None else token)
        return self

    def result(self) -> Service:
        self.send(PROVIDER, "publishResult", ONE)
        return self

    @property
    def accepted(self) -> list[str]:
        names, fine, _ = self.call("standing")
        return [name for name, one in zip(names, fine, strict=True) if one]

    @property
    def consenting(self) -> list[str]:
        names, _, fine = self.call("standing")
        return [name for name, one in zip(names, fine, strict=True) if one]


Local = Callable[[Any, Site, Memory, Any], tuple[Any, Memory]]


def original(name: str) -> Local:
    """What honest parties do in one of the strategy's local functions."""
    found: Local = getattr(discovery.load("bindaas"), name)
    return found


def going_wrong(name: str, who: Iterable[str], wrong: Local, **params: Any) -> Any:
    """The strategy in which some parties do something else in one of its local functions."""
    astray, honest = set(who), original(name)

    def local(self: Any, site: Site, memory: Memory, payload: Any) -> tuple[Any, Memory]:
        return (wrong if site.name in astray else honest)(self, site, memory, payload)

    return varied("bindaas", params, **{name: local})


def events(ready: Any, *names: str) -> list[tuple[str, Any]]:
    """What the contract told, of these kinds."""
    return [event for receipt in ready.world.ledger.receipts for event in receipt.events if event[0] in names]


def paper() -> Any:
    return module("bindaas")
