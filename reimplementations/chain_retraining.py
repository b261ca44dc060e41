"""A contract decides whose records a classifier retrains on. Juneja, Marefat 2018, 10.1109/BHI.2018.8333451."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import pairwise
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from annotated_types import Interval

from chainward.methods.autoencoder import DenoisingLayer, StackedClassifier, squashed, widths
from chainward.methods.commitment import SALT_BYTES
from chainward.methods.content import digest, salted
from chainward.strategy import Audience, Card, Strategy, Vector
from chainward.world import (
    ContentId,
    Contract,
    Digest,
    Each,
    Held,
    Kind,
    Memory,
    Network,
    Query,
    Records,
    Reverted,
    Sealed,
    Site,
    World,
    array,
)

ONE = 1_000_000  # scores are in millionths
Score = Annotated[int, Interval(ge=0, le=ONE)]
Role = IntEnum("Role", "NONE CLASSIFIER CLINICIAN", start=0)
Purpose = IntEnum("Purpose", "TRAINING RETRAINING", start=0)
_WAITING = {"first": 0, "start": 0, "arrived": 0}  # the first row that is not given, not offered, not there yet
Given = Mapping[str, tuple[tuple[Any, bytes], bytes]]  # by site: records and the salt of their hash, and that hash


@dataclass(frozen=True)
class State:
    """The contract, who classifies, the content id of each site's newest model, and the rounds until no record is left.

    `willing` are the sites that will consent once they are there. Then counts of what came of each site's requests.
    """

    contract: str
    classifier: str
    models: Mapping[str, str]
    willing: tuple[str, ...]
    left: int
    kept: Mapping[str, int]
    rolled_back: Mapping[str, int]
    refused: Mapping[str, int]


@dataclass(frozen=True)
class ChainRetraining(Strategy[State]):
    """A stacked denoising autoencoder that is trained for all sites, then retrained for each on its own records.

    The first `general` share of sites gives the first `history` share of its records to pre-train on (`pretraining`
    passes a layer, entries set to 0 with probability `corruption`) and to fine-tune (`finetuning` passes). All other
    records arrive in their order, `window` a round. Once `labelled` new ones are there, or none is left to come, or
    confidence has fallen by `drift`, a site's model is retrained on them for `retraining` passes; one of them in
    `held_out` stays there to judge the model by. A share `consenting` of the sites consents, for `consent_blocks`; an
    access holds for `access_blocks`, and so long a new model waits to be judged.
    """

    units: int = 32
    layers: int = 2
    corruption: float = 0.3
    learning_rate: float = 0.01
    retraining_rate: float = 0.001
    pretraining: int = 5
    finetuning: int = 30
    retraining: int = 2
    general: float = 1.0
    history: float = 0.5
    window: int = 8
    labelled: int = 16
    drift: float = 0.1
    held_out: int = 5
    consenting: float = 1.0
    consent_blocks: int = 10_000_000
    access_blocks: int = 240

    card: ClassVar[Card] = Card.beside(
        __file__,
        contracts=("AccessManager",),
        sees_individual_updates=Audience.NOBODY,
        raw_records_shared="of sites that consent",
        spends_gas=True,
        tolerates_absence=True,
        ends_by_itself=True,
    )

    def open(self, world: World) -> State:
        """Steps 1 to 3: roles and consents; train a classifier on what sites release for the good of all."""
        (clinician,), (classifier,) = world.parties("clinician", 1), world.parties("classifier", 1)
        chain = world.found("AccessManager", world.hospitals, self.access_blocks, sender=clinician)
        chain.send("assign", classifier, Role.CLASSIFIER, sender=clinician)
        willing = world.shuffled()[: round(self.consenting * len(world.hospitals))]
        nobody = dict.fromkeys(world.hospitals, 0)
        state = State(chain.address, classifier, {}, willing, self._rounds(world), nobody, nobody, nobody)
        give = Query("give", Kind.CONTROL, _give, reply=Digest | None)
        offered = world.ask(world.hospitals, give, Each(self._shares(world))).open()
        released, state = self._accessed(self._consented(state, offered, world), offered, Purpose.TRAINING, world)
        learn = Query("learn", Kind.CONTROL, self._learn, reply=ContentId)
        base = world.ask(classifier, learn, released).open()[classifier]
        chain.send("trained", digest(base), sender=classifier)
        return replace(state, models=dict.fromkeys(world.hospitals, base))

    def round(self, state: State, world: World) -> State:
        """Steps 4 to 6: records arrive and are classified; where the model is due, it asks for them and retrains."""
        chain = world.at(state.contract)
        arrive = Query("arrive", Kind.CONTROL, self._arrive, reply=Digest | None)
        newest = {site: {state.classifier: cid} for site, cid in state.models.items()}
        offered = world.ask(world.hospitals, arrive, Each(newest)).open()
        state = replace(self._consented(state, offered, world), left=state.left - 1)
        released, state = self._accessed(state, offered, Purpose.RETRAINING, world)
        retrain = Query("retrain", Kind.CONTROL, self._retrain, reply=dict[str, ContentId])
        replies = world.ask(state.classifier, retrain, (released, dict(state.models))).open()
        made = {site: cid for said in replies.values() for site, cid in said.items() if site in released}
        recorded = {
            site: cid
            for site, cid in made.items()
            if "Retrained" in _told(chain, state.classifier, "retrained", site, offered[site], digest(cid))
        }
        self._judged(state, recorded, chain, world)
        kept = {site: cid for site, cid in recorded.items() if chain.call("current", site) == digest(cid)}
        return replace(
            state,
            models={**state.models, **kept},
            kept=_counted(state.kept, kept),
            rolled_back=_counted(state.rolled_back, recorded.keys() - kept.keys()),
            refused=_counted(state.refused, made.keys() - recorded.keys()),
        )

    def model(self, state: State) -> Mapping[str, Held]:
        """Each site's own."""
        return {site: Held(cid, state.classifier) for site, cid in state.models.items()}

    def predict(self, model: Vector, features: Any, network: Network) -> npt.NDArray[np.float64]:
        return self._classifier(features.shape[1]).predict(model, squashed(features))

    def is_model(self, held: npt.NDArray[Any], network: Network) -> bool:
        """Weights of the classifier for some number of features."""
        fewest, more = (self._classifier(features).parameters for features in (1, 2))
        return held.ndim == 1 and held.size >= fewest and (held.size - fewest) % (more - fewest) == 0

    def finished(self, state: State) -> bool:
        """Whether all records have arrived."""
        return state.left <= 0

    def outcomes(self, state: State, world: World) -> Mapping[str, Mapping[str, float]]:
        """How often each site's model was retrained and kept, rolled back, or refused its records or a record."""
        return {"kept": state.kept, "rolled_back": state.rolled_back, "refused": state.refused}

    def _classifier(self, features: int) -> StackedClassifier:
        return StackedClassifier(widths(features, self.units, self.layers), self.learning_rate)

    def _shares(self, world: World) -> dict[str, float]:
        """The share of its records that each site gives for the good of all."""
        givers = world.hospitals[: math.ceil(self.general * len(world.hospitals))]
        return {site: self.history if site in givers else 0.0 for site in world.hospitals}

    def _rounds(self, world: World) -> int:
        """After how many rounds the last record of any site has arrived."""
        shares = self._shares(world)
        return max(
            math.ceil((size - math.floor(shares[site] * size)) / self.window) for site, size in world.sizes.items()
        )

    def _consented(self, state: State, there: Iterable[str], world: World) -> State:
        """Have those who are willing, and there, consent to both purposes."""
        chain, until = world.at(state.contract), world.chain.block + self.consent_blocks
        come = [site for site in there if site in state.willing]
        for purpose in Purpose:
            chain.send_each("grant", dict.fromkeys(come, (Role.CLASSIFIER, purpose, until)))
        return replace(state, willing=tuple(site for site in state.willing if site not in come))

    def _accessed(
        self, state: State, offered: Mapping[str, bytes | None], purpose: Purpose, world: World
    ) -> tuple[dict[str, tuple[Sealed, bytes]], State]:
        """Ask the contract for what sites offer, by hash; what it grants is released, sealed, and nothing else."""
        chain = world.at(state.contract)
        hashes = {site: one for site, one in offered.items() if one}
        posted = chain.send_each("post", hashes, unless="posted before")
        granted = {
            site: hashes[site]
            for site in posted
            if "Granted" in _told(chain, state.classifier, "requestAccess", site, hashes[site], purpose)
        }
        release = Query("release", Kind.RECORDS, _release, reply=tuple[Records, Digest])
        replies = world.ask(granted, release, within=chain.left() / 2) if granted else {}
        released = {site: (reply, granted[site]) for site, reply in replies.items()}
        return released, replace(state, refused=_counted(state.refused, set(posted) - granted.keys()))

    def _learn(self, site: Site, _: Memory, given: Given) -> tuple[str, Memory]:
        """At the classifier: train one layer after another, then all of them with labels, and publish for all sites."""
        features, labels = _pooled(site, _sound(site, given))
        rows, encoders = features, []
        classifier = self._classifier(rows.shape[1])
        for inputs, outputs in pairwise(classifier.widths):
            layer = DenoisingLayer(inputs, outputs, self.corruption, self.learning_rate)
            weights = site.minimise(layer, rows, labels, layer.initial(site.rng), self.pretraining)
            encoders.append(weights[: layer.encoder])
            rows = layer.encode(weights, rows)
        base = site.minimise(classifier, features, labels, classifier.stacked(encoders), self.finetuning)
        cid = site.publish(base, Kind.AGGREGATE, readers=site.hospitals)
        return cid, {cid: base}

    def _retrain(self, site: Site, memory: Memory, task: tuple[Given, Mapping[str, str]]) -> tuple[Any, Memory]:
        """At the classifier: go on from a site's newest weights on what it released; publish that for it alone."""
        given, newest = task
        made, standing = {}, {cid: memory[cid] for cid in newest.values()}
        for name, records in _sound(site, given).items():
            features, labels = _pooled(site, {name: records})
            classifier = replace(self._classifier(features.shape[1]), learning_rate=self.retraining_rate)
            weights = site.minimise(classifier, features, labels, memory[newest[name]], self.retraining)
            made[name] = site.publish(weights, Kind.AGGREGATE, readers=(name,))
            standing[made[name]] = weights
        return made, standing

    def _arrive(self, site: Site, memory: Memory, newest: Mapping[str, str]) -> tuple[bytes | None, Memory]:
        """At a site: classify what arrives; offer what is new, by its hash, once its model is due to be retrained."""
        memory = memory or _WAITING
        start, until = memory["start"], min(len(site.train), memory["arrived"] + self.window)
        latest = site.train.features[memory["arrived"] : until]
        weights = self._read(site, newest)
        if weights is None or not len(latest):
            return None, memory
        sure = float(np.abs(2 * self._predicted(site, weights, latest) - 1).mean())
        due = until - start >= self.labelled or until == len(site.train)
        unsure = sure < memory.get("sure", sure) - self.drift
        memory = {"sure": sure, **memory, "arrived": until}
        rows = np.setdiff1d(np.arange(start, until), self._held_back(memory))
        if not (due or unsure) or not len(rows):
            return None, memory
        kept = {name: value for name, value in memory.items() if name != "sure"}
        return _offered(site, {**kept, "start": until}, rows)

    def _judge(self, site: Site, memory: Memory, models: tuple[Mapping[str, str], ...]) -> tuple[Any, Memory]:
        """At a site: how far its newest model and the one before are right on records that it held back.

        1 less the mean squared error of the probability; 0 of a model that cannot be read.
        """
        rows, scores = self._held_back(memory), []
        for published in models:
            weights = self._read(site, published)
            error = 1.0
            if weights is not None:
                misses = self._predicted(site, weights, site.train.features[rows]) - site.train.labels[rows]
                error = float(np.square(misses).mean()) if len(rows) else 0.0
            scores.append(site.says(round(ONE * (1 - error)), 0, ONE))
        return tuple(scores), memory

    def _judged(self, state: State, recorded: Mapping[str, str], chain: Contract, world: World) -> None:
        """Have sites judge the models made for them; what nobody judges in time is rolled back."""
        if not recorded:
            return
        judge = Query("judge", Kind.SCORES, self._judge, reply=tuple[Score, Score])
        models = {
            site: ({state.classifier: state.models[site]}, {state.classifier: cid}) for site, cid in recorded.items()
        }
        scores = world.ask(models, judge, Each(models), within=chain.left()).open()
        judged = chain.send_each("judge", scores, unless="too late")
        overdue = [site for site in recorded if site not in judged]
        if overdue:
            chain.pass_deadline()
        for site in overdue:
            chain.send("close", site, sender=state.classifier)

    def _held_back(self, memory: Memory) -> npt.NDArray[np.int64]:
        """The rows that have arrived and that a site keeps to judge by."""
        rows = np.arange(memory["first"], memory["arrived"])
        held: npt.NDArray[np.int64] = rows[rows % self.held_out == self.held_out - 1]
        return held

    def _read(self, site: Site, published: Mapping[str, str]) -> Vector | None:
        form = array((self._classifier(site.train.features.shape[1]).parameters,))
        return next(iter(site.read(published, form, sealed=True).values()), None)

    def _predicted(self, site: Site, weights: Vector, features: Any) -> npt.NDArray[np.float64]:
        classifier = self._classifier(features.shape[1])
        site.work(classifier.flops_per_row * len(features))
        return classifier.predict(weights, squashed(features))


def _give(site: Site, _: Memory, share: float) -> tuple[bytes | None, Memory]:
    """At a site: offer the first records for the good of all; the others will arrive one after another."""
    first = math.floor(share * len(site.train))
    memory = dict.fromkeys(_WAITING, first)
    return _offered(site, memory, np.arange(first)) if first else (None, memory)


def _offered(site: Site, memory: Memory, rows: npt.NDArray[np.int64]) -> tuple[bytes, Memory]:
    """Put records into the store, encrypted for oneself, and reply their salted hash."""
    records = {"features": site.train.features[rows], "labels": site.train.labels[rows]}
    salt = site.rng.bytes(SALT_BYTES)
    cid = site.publish(records, Kind.RECORDS, readers=(site.name,))
    return salted(records, salt), {**memory, "offered": cid, "salt": salt}


def _release(site: Site, memory: Memory, _: None) -> tuple[tuple[Any, bytes], Memory]:
    """At a site: fetch what was offered from the store and hand it over; nothing where it is not there."""
    nothing = {"features": site.train.features[:0], "labels": site.train.labels[:0]}
    found = site.read({site.name: memory["offered"]}, Records, sealed=True)
    return (found.get(site.name, nothing), memory["salt"]), memory


def _sound(site: Site, given: Given) -> dict[str, Any]:
    """What was released, where it is what the contract knows by its hash and has as many features as it must."""
    features = site.train.features.shape[1]
    return {
        name: records
        for name, ((records, salt), known) in given.items()
        if salted(records, salt) == known and records["features"].shape[1] == features
    }


def _pooled(site: Site, given: Mapping[str, Any]) -> tuple[Vector, Vector]:
    """Squashed features [n, d] and labels [n] of several sites, one after another."""
    features = [site.train.features[:0], *(one["features"] for one in given.values())]
    labels = [site.train.labels[:0], *(one["labels"] for one in given.values())]
    return squashed(np.concatenate(features)), np.concatenate(labels).astype(np.float32)


def _told(chain: Contract, sender: str, function: str, *arguments: Any) -> tuple[str, ...]:
    """The names of the events of a transaction; none of one that the contract refuses, which has not happened."""
    try:
        receipt = chain.send(function, *arguments, sender=sender)
    except Reverted:
        return ()
    return tuple(name for name, _ in receipt.events)


def _counted(counts: Mapping[str, int], sites: Iterable[str]) -> dict[str, int]:
    """Count one more for each of these sites."""
    more = set(sites)
    return {site: count + (site in more) for site, count in counts.items()}
