"""The world: all that a strategy may touch, metered."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

import numpy as np

from chainward import codec
from chainward.methods.randomness import stream
from chainward.world import forms
from chainward.world.arrivals import Arrival, Course, arrivals
from chainward.world.chain import Chain, Contract
from chainward.world.clock import PARTS, Clock, Speeds
from chainward.world.engine import Answer, Engine, Share
from chainward.world.faults import Faults
from chainward.world.meter import COORDINATOR, EVERYONE, Meter
from chainward.world.ports import Cost, Ledger, Network, Store
from chainward.world.query import PRESENT, Query
from chainward.world.replies import Each, Replies, Sealed
from chainward.world.vault import Vault
from chainward.world.vocabulary import HospitalAbsent, Kind


@dataclass
class World:
    """Hospitals, other parties, the chain and the store, on one virtual clock.

    `sizes` holds each hospital's number of training patients. `round` is 0 while a strategy opens. `rng` is the
    protocol's own randomness, another stream in each round. `answered` are the hospitals that ever did in time.
    """

    hospitals: tuple[str, ...]
    sizes: Mapping[str, int]
    network: Network
    seed: int
    engine: Engine
    ledger: Ledger
    store: Store
    speeds: Speeds = field(default_factory=Speeds)
    faults: Faults = field(default_factory=Faults)
    clock: Clock = field(default_factory=Clock)
    round: int = 0
    shared: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._handles = count()
        self.begin(self.round)

    def begin(self, number: int) -> None:
        """Start round `number` with a fresh meter."""
        self.round = number
        self.meter = Meter(self.hospitals)
        self.chain = Chain(
            self.ledger, self.clock, self.speeds, self.meter, lambda party: self.faults.is_absent(party, number)
        )
        self._asked: Counter[str] = Counter()
        self._vault = Vault(self.meter, self.sizes, self.shared, self._handles)
        self.rng: np.random.Generator = stream(self.seed, "protocol", number)

    def initial_weights(self) -> Any:
        """First weights [P] of the task's network for this trial's seed."""
        return self.network.initial(self.seed)

    def deploy(self, contract: str, *arguments: Any, sender: str, value: int = 0) -> str:
        """Create a contract and return its address."""
        return self.chain.deploy(contract, *arguments, sender=sender, value=value)

    def found(self, contract: str, *arguments: Any, sender: str, value: int = 0) -> Contract:
        """Create a contract, let time pass until it is there, and bind it."""
        address = self.deploy(contract, *arguments, sender=sender, value=value)
        self.chain.settle()
        return self.at(address)

    def at(self, address: str) -> Contract:
        """Bind a deployed contract."""
        return self.chain.at(address)

    def shuffled(self) -> tuple[str, ...]:
        """Return the hospitals in an order drawn for this call, so that none comes first because of its number."""
        return tuple(self.hospitals[place] for place in self.rng.permutation(len(self.hospitals)))

    def present(self, order: Iterable[str] | None = None, atleast: int = 1) -> tuple[str, ...]:
        """Return who of the hospitals is there, in this order; refuse by name if that are fewer than `atleast`."""
        return tuple(self.need_some(self.ask(self.hospitals if order is None else order, PRESENT), atleast))

    def parties(self, role: str, count: int, records: Literal["validation"] | None = None) -> tuple[str, ...]:
        """Return `count` parties that are not hospitals, each with an account.

        With `records="validation"` each holds the validation patients of the hospitals that answer now, which then
        count as shared. They send theirs side by side, so the time is that of the latest to arrive; who is absent, or
        later than the patience of the time model, gives none and is missing.
        """
        names = tuple(f"{role} {number}" for number in range(1, count + 1))
        givers = self._givers() if records else ()
        shares = {name: self.engine.enrol(name, givers) for name in names}
        for name, given in shares.items():
            self._hand_over(name, given)
        if records:
            self._await(givers, shares)
        return names

    def _givers(self) -> tuple[str, ...]:
        """The hospitals that answer within the patience of the time model."""
        return tuple(
            name
            for name in self.hospitals
            if not self.faults.is_absent(name, self.round) and self.faults.delay_of(name) <= self.speeds.patience_s
        )

    def _await(self, givers: Sequence[str], shares: Mapping[str, Mapping[str, Share]]) -> None:
        """Let time pass until the last share of those who give is there, or patience has ended."""
        missing = set(self.hospitals) - set(givers)
        self.meter.missing.update(missing)
        arrivals = [
            (self.faults.delay_of(name) + self.speeds.transfer(share.size), self.faults.delay_of(name))
            for given in shares.values()
            for name, share in given.items()
        ]
        latest, delay = max(arrivals, default=(0.0, 0.0))
        start = self.clock.now
        self.clock.spend("network", latest - delay)
        self.clock.spend("waiting", delay)
        if missing:
            self.clock.until("waiting", start + self.speeds.patience_s)

    def _hand_over(self, party: str, given: Mapping[str, Share]) -> None:
        """Meter the records that hospitals send a party that is none."""
        for hospital, share in given.items():
            self.meter.party_bytes += share.size
            self.meter.disclose(Kind.RECORDS, hospital, [party], share.size)
            self.meter.raw_records += self._vault.first_time(f"validation of {hospital}", share.records)

    def ask(
        self,
        who: str | Iterable[str],
        what: Query,
        payload: Any = None,
        *,
        first: int | None = None,
        within: float = math.inf,
    ) -> Replies:
        """Have `who` do `what` with `payload` (or with one each, `Each`) and return their sealed replies.

        `within` are the seconds that a phase of the protocol has left; without it, the patience of the time model
        ends the wait. Those who do not answer by then are in `missing`. Whose reply has not the form that the query
        declares is in `unreadable`. `first` keeps the earliest of the others by virtual arrival, ties by the order of
        parties.
        """
        self.chain.settle()
        parties = (who,) if isinstance(who, str) else tuple(who)
        present = [party for party in parties if not self.faults.is_absent(party, self.round)]
        own = payload if isinstance(payload, Each) else dict.fromkeys(present, payload)
        requests = {party: self._vault.shown(own[party], party) for party in present}
        sent = self._sent(requests, alike=own is not payload)
        self._asked[what.name] += 1
        label = f"{self.round}/{what.name}/{self._asked[what.name]}"
        answers = self.engine.run(what, requests, label)
        courses = [self._course(party, answers[party], sent[party], label) for party in present if party in answers]
        for course in courses:
            self._meter(course.party, answers[course.party].cost, course.size)
        deadline = self.speeds.patience_s if math.isinf(within) else within
        in_time = [arrival for arrival in arrivals(courses) if arrival.after <= deadline]
        return self._collect(what, parties, answers, in_time, first, deadline)

    def need(self, replies: Replies) -> Replies:
        """Return `replies`, or refuse by name if anybody is missing."""
        return self._refuse(replies) if replies.missing or replies.unreadable else replies

    def need_some(self, replies: Replies, atleast: int = 1) -> Replies:
        """Return `replies`, or refuse by the names of who is missing if there are fewer than `atleast`."""
        return replies if len(replies) >= atleast else self._refuse(replies)

    def read(self, published: Mapping[str, str], form: Any) -> dict[str, Any]:
        """Read what parties published for everyone, by party and content id, all at once.

        Returns what can be read and has the form; of the others the record tells who they are.
        """
        sizes: list[int] = []

        def decoded(_: str, cid: str) -> Any:
            def get() -> bytes:
                data = self.store.get(cid)
                sizes.append(len(data))
                return data

            return forms.decoded(get, form, self._parameters)

        found = self._readable(published, decoded)
        self.meter.store_bytes += sum(sizes)
        self.clock.spend("network", self.speeds.transfer(sum(sizes)) if published else 0.0)
        return found

    def elapse(self, part: str, seconds: float) -> None:
        """Let modelled time of the protocol itself pass, e.g. that of a simulated race; `part` is one of `PARTS`.

        Raises:
            ValueError: there is no such part, or the time is negative or without end.
        """
        if part not in PARTS or not 0 <= seconds < math.inf:
            raise ValueError(f"{seconds} s of {part!r} cannot pass; parts are {', '.join(PARTS)}")
        self.clock.spend(part, seconds)

    def _refuse(self, replies: Replies) -> Replies:
        raise HospitalAbsent(
            f"round {self.round} cannot go on without {', '.join((*replies.missing, *replies.unreadable))}"
        )

    def _course(self, party: str, answer: Answer, sent: int, label: str) -> Course:
        """What an answer takes; one that is hasty takes nothing at all."""
        size = codec.size(answer.value)
        if answer.cost.hasty:
            return Course(party, size, 0.0, 0.0, 0.0, 0.0)
        luck = float(stream(self.seed, "link", party, label).uniform(-1, 1))
        compute, network = self.speeds.compute(answer.cost.flops), self.speeds.network(sent, answer.cost, luck)
        return Course(party, size, compute, network, self.faults.delay_of(party), self.speeds.transfer(size, 0))

    def _collect(
        self,
        what: Query,
        parties: tuple[str, ...],
        answers: Mapping[str, Answer],
        in_time: list[Arrival],
        first: int | None,
        deadline: float,
    ) -> Replies:
        """Keep what is readable; time passes until the last of it is there, or the deadline if somebody is not."""
        start, replied = self.clock.now, {arrival.party: answers[arrival.party].value for arrival in in_time}
        values = self._readable(replied, lambda _, value: forms.read(value, what.form, self._parameters))
        kept = [arrival for arrival in in_time if arrival.party in values][:first]
        arrived = {arrival.party for arrival in in_time}
        missing = tuple(party for party in parties if party not in arrived)
        full = first is not None and len(kept) >= first
        self._pass_time((kept if full else in_time)[-1:], start + deadline if missing and not full else None)
        self.meter.missing.update(missing)
        self.meter.spoiled += sum(answers[arrival.party].cost.spoiled for arrival in kept)
        self.answered.update(arrived & set(self.sizes))
        sealed = {
            arrival.party: self._seal(
                what.replies, arrival.party, values[arrival.party], arrival.course.size, start + arrival.after
            )
            for arrival in kept
        }
        unreadable = tuple(party for party in parties if party in arrived and party not in values)
        return Replies((sealed[party] for party in parties if party in sealed), missing, self._open, unreadable)

    def _readable(self, given: Mapping[str, Any], reading: Callable[[str, Any], Any]) -> dict[str, Any]:
        """What `reading` makes of each party's content; of the others the meter notes who they are."""
        found, unreadable = forms.readable(given, reading)
        self.meter.unreadable.update(unreadable)
        return found

    def _pass_time(self, last: Sequence[Arrival], deadline: float | None) -> None:
        for arrival in last:
            self.clock.spend("compute", arrival.course.compute)
            self.clock.spend("network", arrival.network)
            self.clock.spend("waiting", arrival.course.delay)
        if deadline is not None:
            self.clock.until("waiting", deadline)

    def _meter(self, party: str, cost: Cost, size: int) -> None:
        self.meter.party_bytes += size
        self.meter.store_bytes += cost.fetched + sum(item.size for item in cost.published)
        self.meter.measured_s += cost.seconds
        self.meter.unreadable.update(cost.unreadable)
        for item in cost.published:
            readers = (EVERYONE,) if item.readers is None else item.readers
            records = self._vault.records(item.kind, party, readers)
            self.meter.disclose(item.kind, party, readers, item.size, records)

    @property
    def _parameters(self) -> int | None:
        return getattr(self.network, "parameters", None)

    def _seal(self, kind: Kind, party: str, value: Any, size: int, arrival: float) -> Sealed:
        return self._vault.seal(kind, party, value, size, arrival)

    def _open(self, sealed: tuple[Sealed, ...]) -> list[Any]:
        for reply in sealed:
            self._vault.disclose(reply, COORDINATOR)
        self.clock.spend("aggregation", self.speeds.compute(sum(reply.size for reply in sealed) / 2))
        return [self._vault.value(reply) for reply in sealed]

    def _sent(self, requests: Mapping[str, Any], alike: bool) -> dict[str, int]:
        """Count the bytes that go to each party; requests that are alike are encoded once."""
        first = next(iter(requests), None)
        known = codec.size(requests[first]) if alike and first is not None else None
        sent = {party: codec.size(value) if known is None else known for party, value in requests.items()}
        self.meter.party_bytes += sum(sent.values())
        return sent
