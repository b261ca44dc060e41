"""The world: all that a strategy may touch, metered."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

import numpy as np

from chainward import codec
from chainward.methods.randomness import stream
from chainward.world.chain import Chain, Contract
from chainward.world.clock import PARTS, Clock, Speeds
from chainward.world.engine import Answer, Engine, Share
from chainward.world.faults import Faults
from chainward.world.meter import COORDINATOR, EVERYONE, Meter
from chainward.world.ports import Cost, Ledger, Network, Store
from chainward.world.query import Query
from chainward.world.replies import Each, Replies, Sealed
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
        self.chain = Chain(self.ledger, self.clock, self.meter, lambda party: self.faults.is_absent(party, number))
        self._asked: Counter[str] = Counter()
        self._vault: dict[int, Any] = {}
        self.rng: np.random.Generator = stream(self.seed, "protocol", number)

    def initial_weights(self) -> Any:
        """First weights [P] of the task's network for this trial's seed."""
        return self.network.initial(self.seed)

    def deploy(self, contract: str, *arguments: Any, sender: str, value: int = 0) -> str:
        """Create a contract and return its address."""
        return self.chain.deploy(contract, *arguments, sender=sender, value=value)

    def at(self, address: str) -> Contract:
        """Bind a deployed contract."""
        return self.chain.at(address)

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
            self.meter.raw_records += self._first_time(f"validation of {hospital}", share.records)

    def ask(self, who: str | Iterable[str], what: Query, payload: Any = None, *, first: int | None = None) -> Replies:
        """Have `who` do `what` with `payload` (or with one each, `Each`) and return their sealed replies.

        `first` keeps the earliest replies by virtual arrival, ties by the order of parties. Those who do not answer
        within the patience of the time model are in `missing`.
        """
        self.chain.settle()
        parties = (who,) if isinstance(who, str) else tuple(who)
        start = self.clock.now
        present = [party for party in parties if not self.faults.is_absent(party, self.round)]
        own = payload if isinstance(payload, Each) else dict.fromkeys(present, payload)
        requests = {party: self._unsealed(own[party], party) for party in present}
        sent = self._sent(requests, alike=own is not payload)
        self._asked[what.name] += 1
        label = f"{self.round}/{what.name}/{self._asked[what.name]}"
        answers = self.engine.run(what, requests, label)
        sizes = {party: codec.size(answer.value) for party, answer in answers.items()}
        times = {
            name: self._times(name, answer.cost, sent[name], sizes[name], label) for name, answer in answers.items()
        }
        return self._collect(what, parties, answers, sizes, times, start, first)

    def need(self, replies: Replies) -> Replies:
        """Return `replies`, or refuse by name if anybody is missing."""
        if replies.missing:
            raise HospitalAbsent(f"round {self.round} cannot go on without {', '.join(replies.missing)}")
        return replies

    def fetch(self, cid: str) -> Any:
        """Read what somebody published for everyone."""
        data = self.store.get(cid)
        self.meter.store_bytes += len(data)
        self.clock.spend("network", self.speeds.transfer(len(data)))
        return codec.decode(data)

    def elapse(self, part: str, seconds: float) -> None:
        """Let modelled time of the protocol itself pass, e.g. that of a simulated race; `part` is one of `PARTS`.

        Raises:
            ValueError: there is no such part, or the time is negative or without end.
        """
        if part not in PARTS or not 0 <= seconds < math.inf:
            raise ValueError(f"{seconds} s of {part!r} cannot pass; parts are {', '.join(PARTS)}")
        self.clock.spend(part, seconds)

    def _collect(
        self,
        what: Query,
        parties: tuple[str, ...],
        answers: Mapping[str, Answer],
        sizes: Mapping[str, int],
        times: Mapping[str, tuple[float, float, float]],
        start: float,
        first: int | None,
    ) -> Replies:
        order = {party: number for number, party in enumerate(parties)}
        sealed = []
        for party, answer in answers.items():
            self._meter(party, answer, sizes[party])
            sealed.append(self._seal(what.replies, party, answer.value, sizes[party], start + sum(times[party])))
        deadline = start + self.speeds.patience_s
        in_time = sorted((s for s in sealed if s.arrival <= deadline), key=lambda s: (s.arrival, order[s.owner]))
        kept = in_time[:first]
        enough = len(kept) == (len(parties) if first is None else min(first, len(parties)))
        self._pass_time(kept, times, None if enough else deadline)
        missing = tuple(party for party in parties if party not in {s.owner for s in in_time})
        self.meter.missing.update(missing)
        self.answered.update(s.owner for s in in_time if s.owner in self.sizes)
        self.meter.spoiled += sum(answers[s.owner].cost.spoiled for s in kept)
        return Replies(sorted(kept, key=lambda s: order[s.owner]), missing, self._open)

    def _times(self, party: str, cost: Cost, sent: int, size: int, label: str) -> tuple[float, float, float]:
        """Seconds of computing, on the wire and of delay until an answer of so many bytes arrives."""
        luck = float(stream(self.seed, "link", party, label).uniform(-1, 1))
        network = self.speeds.network(sent, size, cost, luck)
        return self.speeds.compute(cost.flops), network, self.faults.delay_of(party)

    def _pass_time(
        self, kept: list[Sealed], times: Mapping[str, tuple[float, float, float]], deadline: float | None
    ) -> None:
        if kept:
            for part, seconds in zip(("compute", "network", "waiting"), times[kept[-1].owner], strict=True):
                self.clock.spend(part, seconds)
        if deadline is not None:
            self.clock.until("waiting", deadline)

    def _meter(self, party: str, answer: Answer, size: int) -> None:
        cost = answer.cost
        self.meter.party_bytes += size
        self.meter.store_bytes += cost.fetched + sum(item.size for item in cost.published)
        self.meter.measured_s += cost.seconds
        for item in cost.published:
            readers = (EVERYONE,) if item.readers is None else item.readers
            records = self._records(item.kind, party, readers)
            self.meter.disclose(item.kind, party, readers, item.size, records)

    def _seal(self, kind: Kind, party: str, value: Any, size: int, arrival: float) -> Sealed:
        handle = next(self._handles)
        self._vault[handle] = value
        return Sealed(handle, party, kind, size, arrival)

    def _value(self, reply: Sealed) -> Any:
        if reply.handle not in self._vault:
            raise LookupError(f"the {reply.kind} of {reply.owner} was sealed in a round that is over")
        return self._vault[reply.handle]

    def _open(self, sealed: tuple[Sealed, ...]) -> list[Any]:
        for reply in sealed:
            self._disclose(reply, COORDINATOR)
        self.clock.spend("aggregation", self.speeds.compute(sum(reply.size for reply in sealed) / 2))
        return [self._value(reply) for reply in sealed]

    def _sent(self, requests: Mapping[str, Any], alike: bool) -> dict[str, int]:
        """Count the bytes that go to each party; requests that are alike are encoded once."""
        first = next(iter(requests), None)
        known = codec.size(requests[first]) if alike and first is not None else None
        sent = {party: codec.size(value) if known is None else known for party, value in requests.items()}
        self.meter.party_bytes += sum(sent.values())
        return sent

    def _unsealed(self, value: Any, party: str) -> Any:
        if isinstance(value, Sealed):
            self._disclose(value, party)
            return self._value(value)
        if isinstance(value, Mapping):
            return {key: self._unsealed(item, party) for key, item in value.items()}
        if isinstance(value, tuple) and type(value) is tuple:
            return tuple(self._unsealed(item, party) for item in value)
        return value

    def _disclose(self, reply: Sealed, recipient: str) -> None:
        records = self._records(reply.kind, reply.owner, (recipient,))
        self.meter.disclose(reply.kind, reply.owner, (recipient,), reply.size, records)

    def _records(self, kind: Kind, owner: str, recipients: Iterable[str]) -> int:
        """How many raw records this shows to somebody else for the first time."""
        shown = kind is Kind.RECORDS and any(recipient != owner for recipient in recipients)
        return self._first_time(owner, self.sizes.get(owner, 0)) if shown else 0

    def _first_time(self, whose: str | None, rows: int) -> int:
        if not rows or whose is None or whose in self.shared:
            return 0
        self.shared.add(whose)
        return rows
