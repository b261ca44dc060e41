"""A classifier in contract storage learns from one patient a transaction. Harris, Waggoner 2019, arXiv 1909.07276."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from statistics import mode
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Interval

from chainward.methods.online_learning import OFF, Learner, NearestCentroid, Perceptron, binarised, probabilities
from chainward.strategy import Audience, Card, Strategy
from chainward.world import Contract, Kind, Memory, Network, Query, Receipt, Reverted, Site, World, array

CLASSIFIERS: Mapping[str, type[Learner]] = {"perceptron": Perceptron, "nearest_centroid": NearestCentroid}
HOUR, ETHER = 3600, 10**18
IDS = array((None,), "int64")
Wei = Mapping[str, int]


@dataclass(frozen=True)
class State:
    """The contract and its owner, what the classifier has learned, and the data with a deposit that is not settled.

    `data` holds ids [m], blocks [m], what is left of deposits in wei [m], features [m, d], labels [m] and submitters
    (m). `deposited`, `refunded` and `claimed` are wei by party, `valid` refunds, and `added` how many data there were
    after each round.
    """

    contract: str
    owner: str
    model: Mapping[str, Any]
    data: Mapping[str, Any]
    deposited: Wei
    refunded: Wei
    claimed: Wei
    valid: Mapping[str, int]
    added: tuple[int, ...] = ()


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
        widths = world.need_some(world.ask(world.hospitals, WIDTH)).open().values()
        (owner,) = world.parties("owner", 1)
        kind, terms = list(CLASSIFIERS).index(self.classifier), (Perceptron.bias, Perceptron.rate, self.cost_weight)
        waits = (self.refund_blocks, self.owner_blocks, self.anybody_blocks)
        chain = world.found("Decai", kind, self.bins * mode(widths), *terms, waits, sender=owner)
        nothing = dict.fromkeys((*world.hospitals, owner), 0)
        return State(
            chain.address, owner, self._learned(chain), _data([], mode(widths)), nothing, nothing, nothing, nothing
        )

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
        return len(state.added) >= self.instalments and not len(state.data["ids"])

    def outcomes(self, state: State) -> Mapping[str, Mapping[str, float]]:
        """Ether by party: deposited, refunded, claimed of others' deposits, and net; data found valid; data by round."""
        ether = {
            "deposited": state.deposited,
            "refunded": state.refunded,
            "claimed": state.claimed,
            "net": {party: state.refunded[party] + state.claimed[party] - wei for party, wei in state.deposited.items()},
        }
        return {
            **{name: {party: wei / ETHER for party, wei in sums.items()} for name, sums in ether.items()},
            "valid": state.valid,
            "patients on chain": {str(number): count for number, count in enumerate(state.added, 1)},
        }

    def _learner(self, model: Mapping[str, Any]) -> Learner:
        return CLASSIFIERS[self.classifier](**model)

    def _learned(self, chain: Contract) -> dict[str, Any]:
        """The classifier as contract storage has it."""
        if self.classifier == "perceptron":
            return {"weights": np.array(chain.call("weights"), np.int64)}
        sizes, counts = chain.call("centroids")
        return {"sizes": np.array(sizes, np.int64), "counts": np.array(counts, np.int64)}

    def _add(self, state: State, chain: Contract, world: World) -> State:
        """Every hospital sends its instalment patient by patient, each beside the others', with the largest deposit.

        Which hospital's comes first is drawn each round: it pays least.
        """
        width = state.data["features"].shape[1]
        form = tuple[array((None, width), "int64"), array((None,), "uint8")]
        instalment = Query("instalment", Kind.RECORDS, self._instalment, reply=form)
        patients = world.ask(world.shuffled(), instalment).open()
        most, rows = self.cost_weight * HOUR, []
        turns = zip_longest(*(_sent_by(hospital, *each) for hospital, each in patients.items()))
        for hospital, features, label in (one for turn in turns for one in turn if one):
            receipt = _tried(chain, "addData", _on(features), label, sender=hospital, value=most, shows=Kind.RECORDS)
            if receipt:
                told = dict(receipt.events)["Added"]
                rows.append((told["id"], receipt.block, told["deposit"], features, label, hospital))
        data = _joined(state.data, _data(rows, width))
        deposited = _more(state.deposited, ((hospital, deposit) for *_, deposit, _, _, hospital in rows))
        return replace(
            state, data=data, deposited=deposited, added=(*state.added, len(rows) + (state.added or (0,))[-1])
        )

    def _settle(self, state: State, chain: Contract, world: World) -> State:
        """Hospitals have theirs refunded, then report others'; what nobody asked for in time the owner claims."""
        settle = Query("settle", Kind.CONTROL, self._choose, reply=tuple[IDS, IDS])
        chosen = world.ask(world.shuffled(), settle, (state.model, state.data)).open()
        data, place = state.data, {int(number): row for row, number in enumerate(state.data["ids"])}
        acts = [(site, "refund", number) for site, (refunds, _) in chosen.items() for number in refunds.tolist()]
        acts += [(site, "report", number) for site, (_, reports) in chosen.items() for number in reports.tolist()]
        overdue = data["ids"][data["blocks"] + self.owner_blocks < world.chain.block].tolist()
        acts += [(state.owner, "report", number) for number in overdue]
        paid = []
        for party, act, number in (act for act in acts if act[2] in place):
            features, label = data["features"][place[number]], int(data["labels"][place[number]])
            receipt = _tried(chain, act, number, _on(features), label, sender=party)
            if receipt:
                paid.append((act, party, number, receipt.events[0][1]["amount"]))
        parties = [party for party in (*chosen, state.owner) if chain.call("collectable", party)]
        chain.send_each("collect", parties)
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
        own = np.array(data["submitters"]) == site.name
        refunds = data["ids"][own & agrees]
        reported = memory.get("reported", refunds[:0])
        others = np.setdiff1d(data["ids"][~own & ~agrees], reported)[: self.reports]
        return (refunds, others), {**memory, "reported": np.union1d(reported, others)}


def _sent_by(hospital: str, features: Any, labels: Any) -> Iterator[tuple[str, Any, int]]:
    return ((hospital, row, int(label)) for row, label in zip(features, labels, strict=False))


def _on(features: npt.NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(features[features > OFF].tolist())


def _tried(chain: Contract, function: str, *arguments: Any, **how: Any) -> Receipt | None:
    """What comes of a transaction; where the contract refuses it, its sender has spent gas and nothing else."""
    try:
        return chain.send(function, *arguments, **how)
    except Reverted:
        return None


def _data(rows: list[tuple[Any, ...]], width: int) -> dict[str, Any]:
    """Data (id, block, left, features [d], label, submitter) by column."""
    ids, blocks, left, features, labels, submitters = zip(*rows, strict=True) if rows else ((),) * 6
    return {
        "ids": np.array(ids, np.int64),
        "blocks": np.array(blocks, np.int64),
        "left": np.array(left, np.int64),
        "features": np.array(features, np.int64).reshape(len(ids), width),
        "labels": np.array(labels, np.uint8),
        "submitters": submitters,
    }


def _joined(data: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    columns = {name: np.concatenate([data[name], more[name]]) for name in data if name != "submitters"}
    return {**columns, "submitters": (*data["submitters"], *more["submitters"])}


def _more(sums: Mapping[str, int], amounts: Iterable[tuple[str, int]]) -> dict[str, int]:
    found = dict(sums)
    for party, amount in amounts:
        found[party] += amount
    return found


def _settled(state: State, paid: list[tuple[str, str, int, int]]) -> State:
    """Account for what was paid (act, party, id, wei), and forget the data of whose deposits nothing is left."""
    taken = _more(dict.fromkeys(state.data["ids"].tolist(), 0), ((number, amount) for *_, number, amount in paid))
    left = state.data["left"] - np.array(list(taken.values()), np.int64)
    kept = left > 0
    data = {name: column[kept] for name, column in {**state.data, "left": left}.items() if name != "submitters"}
    submitters = tuple(name for name, stays in zip(state.data["submitters"], kept, strict=True) if stays)
    refunds = [(party, amount) for act, party, _, amount in paid if act == "refund"]
    return replace(
        state,
        data={**data, "submitters": submitters},
        refunded=_more(state.refunded, refunds),
        claimed=_more(state.claimed, ((party, amount) for act, party, _, amount in paid if act == "report")),
        valid=_more(state.valid, ((party, 1) for party, _ in refunds)),
    )


def _width(site: Site, memory: Memory, _: None) -> tuple[int, Memory]:
    return site.train.features.shape[1], memory


WIDTH = Query("width", Kind.STATISTICS, _width, reply=Annotated[int, Interval(ge=1, le=2**16)])
