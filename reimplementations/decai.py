"""A classifier in contract storage learns from one patient a transaction. Harris, Waggoner 2019, arXiv 1909.07276."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from chainward.methods.online_learning import OFF, Learner, NearestCentroid, Perceptron, binarised, probabilities
from chainward.strategy import Audience, Card, Strategy
from chainward.world import Contract, Kind, Memory, Network, Query, Receipt, Reverted, Site, World, array

CLASSIFIERS: Mapping[str, type[Learner]] = {"perceptron": Perceptron, "nearest_centroid": NearestCentroid}
HOUR, ETHER = 3600, 10**18
KINDS = {"ids": "int64", "blocks": "int64", "left": "int64", "submitters": "int64", "labels": "uint8"}
Wei = Mapping[str, int]
Name = TypeVar("Name")


@dataclass(frozen=True)
class State:
    """The contract and its owner, what the classifier has learned, and the data whose deposits are not settled.

    `data` holds ids, blocks, what is left of deposits in wei, numbers of submitters, labels, each [m], and features
    [m, d]. `deposited`, `refunded` and `claimed` are wei by party, `valid` counts refunds, and `added` tells how many
    data there were after each round.
    """

    contract: str
    owner: str
    model: Mapping[str, Any]
    data: Mapping[str, Any]
    deposited: Wei
    refunded: Wei
    claimed: Wei
    valid: Mapping[str, int]
    added: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Decai(Strategy[State]):
    """Sharing Updatable Models: traditional learning, all of it on the chain.

    Hospitals add their patients in `instalments`, one a round, in an order of their own. A column becomes `bins`
    binary features. `cost_weight` sets the deposits; `refund_blocks`, `owner_blocks` and `anybody_blocks` are what a
    refund or report, the owner's claim and anybody's claim wait for. A hospital reports at most `reports` data a round,
    those first that the owner can claim first.
    """

    classifier: Literal["perceptron", "nearest_centroid"] = "perceptron"
    bins: int = 4
    instalments: int = 20
    reports: int = 10
    cost_weight: int = 10**12
    refund_blocks: int = 12
    owner_blocks: int = 120
    anybody_blocks: int = 240

    card: ClassVar[Card] = Card.beside(
        __file__,
        contracts=("Decai",),
        sees_individual_updates=Audience.NOBODY,
        raw_records_shared="all",
        spends_gas=True,
        tolerates_absence=True,
        ends_by_itself=True,
    )

    def open(self, world: World) -> State:
        """The owner deploys a classifier that has learned nothing."""
        (owner,) = world.parties("owner", 1)
        kind, width = list(CLASSIFIERS).index(self.classifier), world.network.features
        terms = (kind, self.bins * width, Perceptron.bias, Perceptron.rate, self.cost_weight)
        waits = (self.refund_blocks, self.owner_blocks, self.anybody_blocks)
        chain = world.found("Decai", *terms, waits, sender=owner)
        nothing = dict.fromkeys((*world.hospitals, owner), 0)
        empty = _data([], width)
        return State(chain.address, owner, self._learned(chain), empty, nothing, nothing, nothing, nothing)

    def round(self, state: State, world: World) -> State:
        """An instalment is added, and after the wait deposits are settled by what the classifier then predicts."""
        chain = world.at(state.contract)
        state = self._add(state, chain, world)
        world.chain.wait(self.refund_blocks)
        state = replace(state, model=self._learned(chain))
        return self._settle(state, chain, world) if len(state.data["ids"]) else state

    def model(self, state: State) -> Mapping[str, Any]:
        return state.model

    def predict(self, model: Mapping[str, Any], features: Any, network: Network) -> npt.NDArray[np.float64]:
        return probabilities(self._learner(model), binarised(features, self.bins))

    def is_model(self, held: npt.NDArray[Any], network: Network) -> bool:
        """No hospital keeps a model."""
        return False

    def finished(self, state: State) -> bool:
        return len(state.added) > self.instalments and not len(state.data["ids"])

    def outcomes(self, state: State, world: World) -> Mapping[str, Mapping[str, float]]:
        """Ether by party: deposited, refunded, claimed of others' deposits, net; valid data; data after each round."""
        net = {party: state.refunded[party] + state.claimed[party] - wei for party, wei in state.deposited.items()}
        sums = {"deposited": state.deposited, "refunded": state.refunded, "claimed": state.claimed, "net": net}
        ether = {name: {party: wei / ETHER for party, wei in one.items()} for name, one in sums.items()}
        added = {str(number): count for number, count in enumerate(state.added)}
        return {**ether, "valid": state.valid, "patients on chain": added}

    def _learner(self, model: Mapping[str, Any]) -> Learner:
        return CLASSIFIERS[self.classifier](**model)

    def _learned(self, chain: Contract) -> dict[str, Any]:
        """The classifier as contract storage has it."""
        if self.classifier == "perceptron":
            return {"weights": np.array(chain.call("weights"), np.int64)}
        sizes, counts = chain.call("centroids")
        return {"sizes": np.array(sizes, np.int64), "counts": np.array(counts, np.int64)}

    def _add(self, state: State, chain: Contract, world: World) -> State:
        """Every hospital sends its instalment patient by patient, in turn with the others, and the largest deposit.

        Who comes first in a round is drawn, and pays least.
        """
        width = state.data["features"].shape[1]
        instalment = Query("instalment", Kind.RECORDS, self._instalment, reply=_pair((None, width), "uint8"))
        replies = world.ask(world.shuffled(), instalment).open()
        queues = [[(name, *patient) for patient in zip(*patients, strict=False)] for name, patients in replies.items()]
        rows = []
        for name, features, label in (patient for turn in zip_longest(*queues) for patient in turn if patient):
            receipt = _tried(chain, name, "addData", (features, label), self.cost_weight * HOUR, Kind.RECORDS)
            if receipt:
                _, told = receipt.events[0]
                number = world.hospitals.index(name)
                rows.append((told["id"], receipt.block, told["deposit"], number, label, np.maximum(features, OFF)))
        more = _data(rows, width)
        deposits = zip((world.hospitals[number] for number in more["submitters"]), more["left"].tolist(), strict=True)
        return replace(
            state,
            data={name: np.concatenate([column, more[name]]) for name, column in state.data.items()},
            deposited=_more(state.deposited, deposits),
            added=(*state.added, state.added[-1] + len(rows)),
        )

    def _settle(self, state: State, chain: Contract, world: World) -> State:
        """Hospitals have theirs refunded, then report others'; what nobody asked for in time the owner claims."""
        choose = Query("choose", Kind.CONTROL, self._choose, reply=_pair((None,), "int64"))
        chosen = world.ask(world.shuffled(), choose, (state.model, state.data)).open()
        data, rows = state.data, {number: row for row, number in enumerate(state.data["ids"].tolist())}
        overdue = data["ids"][data["blocks"] + self.owner_blocks < world.chain.block]
        acts = [(site, "refund", number) for site, (refunds, _) in chosen.items() for number in refunds.tolist()]
        acts += [(site, "report", number) for site, (_, reports) in chosen.items() for number in reports.tolist()]
        acts += [(state.owner, "report", number) for number in overdue.tolist()]
        paid = []
        for party, act, number in (act for act in acts if act[2] in rows):
            datum = (data["features"][rows[number]], data["labels"][rows[number]])
            receipt = _tried(chain, party, act, (number, *datum))
            if receipt:
                paid.append((party, act, rows[number], receipt.events[0][1]["amount"]))
        chain.send_each("collect", [party for party in (*chosen, state.owner) if chain.call("collectable", party)])
        return _settled(state, paid)

    def _instalment(self, site: Site, memory: Memory, _: None) -> tuple[Any, Memory]:
        """The next of one's patients in the order drawn at first: features that are on [b, d] and labels [b]."""
        patients = len(site.train)
        order, start = memory.get("order"), memory.get("start", 0)
        order = site.rng.permutation(patients) if order is None else order
        stop = start + -(-patients // self.instalments)
        rows = order[start:stop]
        on = binarised(site.train.features[rows], self.bins)
        labels = (site.train.labels[rows] > 0.5).astype(np.uint8)
        return (on, labels), {**memory, "order": order, "start": stop}

    def _choose(self, site: Site, memory: Memory, known: tuple[Any, Any]) -> tuple[Any, Memory]:
        """The ids of one's data that the classifier predicts, and of others' that it contradicts, oldest first."""
        model, data = known
        learner = self._learner(model)
        site.work(2.0 * data["features"].size)
        agrees = learner.predicted(data["features"]) == data["labels"]
        own = data["submitters"] == site.hospitals.index(site.name)
        refunds = data["ids"][own & agrees]
        reported = memory.get("reported", refunds[:0])
        reports = np.setdiff1d(data["ids"][~own & ~agrees], reported)[: self.reports]
        return (refunds, reports), {**memory, "reported": np.union1d(reported, reports)}


def _pair(shape: tuple[int | None, ...], second: str) -> Any:
    """The form of an array of whole numbers of this shape, and of one [n] of the second type."""
    return tuple[array(shape, "int64"), array((None,), second)]  # type: ignore[misc]


def _tried(
    chain: Contract, sender: str, function: str, datum: tuple[Any, ...], value: int = 0, shows: Kind | None = None
) -> Receipt | None:
    """What comes of a transaction about a datum; where the contract refuses it, its sender has spent gas on it."""
    *number, features, label = datum
    try:
        on = tuple(features[features > OFF].tolist())
        return chain.send(function, *number, on, int(label), sender=sender, value=value, shows=shows)
    except Reverted:
        return None


def _data(rows: list[tuple[Any, ...]], width: int) -> dict[str, Any]:
    """Data (id, block, left, submitter, label, features [width]) by column; see `State`."""
    *columns, features = zip(*rows, strict=True) if rows else ((),) * 6
    named = zip(KINDS.items(), columns, strict=True)
    arrays = {name: np.array(column, kind) for (name, kind), column in named}
    return {**arrays, "features": np.array(features, np.int64).reshape(len(features), width)}


def _more(sums: Mapping[Name, int], amounts: Iterable[tuple[Name, int]]) -> dict[Name, int]:
    found = dict(sums)
    for name, amount in amounts:
        found[name] += amount
    return found


def _settled(state: State, paid: list[tuple[str, str, int, int]]) -> State:
    """Account for what was paid (party, act, row, wei), and forget the data of whose deposits nothing is left."""
    left = state.data["left"].copy()
    for _, _, row, amount in paid:
        left[row] -= amount
    data = {name: column[left > 0] for name, column in {**state.data, "left": left}.items()}
    refunds, reports = ([(one, wei) for one, act, _, wei in paid if act == what] for what in ("refund", "report"))
    return replace(
        state,
        data=data,
        refunded=_more(state.refunded, refunds),
        claimed=_more(state.claimed, reports),
        valid=_more(state.valid, ((party, 1) for party, _ in refunds)),
    )
