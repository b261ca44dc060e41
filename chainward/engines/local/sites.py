"""The parties of one trial, held in process: records, keys, memories, and running their local functions."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from chainward import codec
from chainward.engines.local.attacks import Attack
from chainward.engines.local.dishonest import COPIED, DishonestSite
from chainward.engines.local.networks import TaskNetwork
from chainward.methods.encryption import KeyPair, key_pair
from chainward.methods.randomness import stream
from chainward.tasks.base import FederatedDataset, Patients, Training
from chainward.world import Answer, Memory, Query, Share, Site, Store, Update
from chainward.world.site import Trainer


class Sites:
    """Every party's inside. Memories are what its local functions returned last; strategies never see them.

    Under an `attack` some hospitals use spoiled patients or give out spoiled updates.
    """

    def __init__(
        self,
        dataset: FederatedDataset,
        training: Training,
        network: TaskNetwork,
        seed: int,
        store: Store,
        trainer: Trainer,
        attack: Attack | None = None,
    ) -> None:
        self.training, self.network, self.attack = training, network, attack
        names = [hospital.name for hospital in dataset.hospitals]
        self.attackers = attack.attackers(names, seed) if attack else ()
        self.true_rows = {hospital.name: hospital.train for hospital in dataset.hospitals}
        self.training_rows = {name: self._used(name, patients, seed) for name, patients in self.true_rows.items()}
        self.memories: dict[str, Memory] = {}
        self.enrolled: dict[str, tuple[str, ...]] = {}
        self._hospitals = tuple(self.training_rows)
        self._rows: dict[str, Patients] = dict(self.training_rows)
        self.held_out = {hospital.name: hospital.validation for hospital in dataset.hospitals}
        self._nobody = nobody_of(dataset.hospitals[0].train)
        self.seed, self.store, self._trainer = seed, store, trainer
        self._keys = _Keys({name: key_of(name).public for name in self._hospitals})

    def enrol(self, party: str, givers: Sequence[str]) -> dict[str, Share]:
        """Add a party with the validation patients of these hospitals, who give them to it.

        Returns the share of each hospital that has any.

        Raises:
            KeyError: there is no such hospital.
        """
        given = {name: self.held_out[name] for name in givers}
        self.enrolled[party] = tuple(givers)
        template = next(iter(self.held_out.values()))
        self._rows[party] = Patients(
            np.concatenate([template.features[:0], *(part.features for part in given.values())]),
            np.concatenate([template.labels[:0], *(part.labels for part in given.values())]),
            np.concatenate([template.patients[:0], *(part.patients for part in given.values())]),
        )
        return {name: _share(part) for name, part in given.items() if len(part)}

    def held(self, party: str, name: str) -> Any:
        """Return the weights [P] a party holds under `name`, else the task's first weights."""
        return self.memories.get(party, {}).get(name, self.network.initial(self.seed))

    def rng(self, party: str, label: str) -> np.random.Generator:
        """Return a party's own random stream for one occasion."""
        return stream(self.seed, party, label)

    def run(
        self,
        party: str,
        steps: Sequence[Query],
        payload: Any,
        label: str,
        flops: float = 0.0,
        seconds: float = 0.0,
        spoiled: int = 0,
    ) -> Answer | None:
        """Run local functions one after another at a party; `flops` and `seconds` were spent, and it `spoiled`, before.

        Whoever flipped labels spoils every answer, since its work rests on them. None is no answer.
        """
        started = time.perf_counter()
        occasion = f"{label}/{steps[-1].name}"
        site = self._site(party, occasion)
        site.work(flops)
        if not isinstance(site, DishonestSite):
            return Answer(self._done(site, steps, payload), site.cost(seconds + time.perf_counter() - started))
        if "silent" in site.conduct:
            return None
        site.copied = self.memories.get(party, {}).get(COPIED)
        reply = site.reply(self._done(site, steps, payload))
        if site.copied is not None:
            self.memories[party] = {**self.memories[party], COPIED: site.copied}
        cost = site.cost(seconds + time.perf_counter() - started)
        flipped = self.attack is not None and self.attack.on_records
        hasty = "first_to_answer" in site.conduct
        return Answer(reply, replace(cost, spoiled=max(spoiled, int(flipped or site.acted)), hasty=hasty))

    def _done(self, site: Site, steps: Sequence[Query], payload: Any) -> Any:
        """What local functions reply; what they keep is the party's memory."""
        memory: Memory = self.memories.get(site.name, {})
        for step in steps:
            if step.local is None:
                raise ValueError(f"query {step.name} trains the cohort and must come first")
            payload, memory = step.local(site, memory, payload)
        self.memories[site.name] = memory
        return payload

    def _site(self, party: str, occasion: str) -> Site:
        inside: dict[str, Any] = {
            "name": party,
            "hospitals": self._hospitals,
            "train": self._rows[party],
            "held_out": self.held_out.get(party, self._nobody),
            "network": self.network,
            "rng": self.rng(party, occasion),
            "store": self.store,
            "key": key_of(party),
            "keys": self._keys,
            "trainer": self._trainer,
            "local_steps": self.training.local_steps,
            "batch_size": self.training.batch_size,
        }
        attack = self._attack_of(party)
        if attack is None:
            return Site(**inside)
        # Nobody breaks the rules in the set-up: who is not there from the beginning is a hospital less, and no attack.
        set_up = occasion.startswith("0/")
        return DishonestSite(
            **inside,
            conduct=frozenset() if set_up else attack.conduct(self.rng(party, f"{occasion}/conduct")),
            accomplices=self.attackers,
            form=attack.form,
            luck=self.rng(party, f"{occasion}/malformed"),
        )

    def _attack_of(self, party: str) -> Attack | None:
        return self.attack if party in self.attackers else None

    def spoils(self, party: str) -> bool:
        """Tell whether what a party trains is spoiled."""
        attack = self._attack_of(party)
        return attack is not None and (attack.on_records or attack.on_updates)

    def given(self, party: str, received: Any, update: Update, label: str) -> Update:
        """Return what a party gives out as the result of training from the weights [P] it received."""
        attack = self._attack_of(party)
        if attack is None:
            return update
        copied = self.memories.get(party, {}).get(COPIED, received)
        return attack.update(received, update, copied, self.rng(party, f"{label}/attack"))

    def _used(self, party: str, patients: Patients, seed: int) -> Patients:
        """The training patients as a party uses them."""
        attack = self._attack_of(party)
        return patients if attack is None else attack.records(patients, stream(seed, party, "attack"))


class _Keys(dict[str, bytes]):
    """Public keys by party; those of parties that are no hospitals are known as well as theirs."""

    def __missing__(self, party: str) -> bytes:
        return key_of(party).public


def nobody_of(patients: Patients) -> Patients:
    """Return patients of the same columns, of whom there are none."""
    return Patients(patients.features[:0], patients.labels[:0], patients.patients[:0])


def _share(patients: Patients) -> Share:
    """What handing these patients over comes to, features and labels."""
    return Share(len(patients), codec.size({"features": patients.features, "labels": patients.labels}))


@lru_cache(maxsize=4_096)
def key_of(party: str) -> KeyPair:
    """Return the pair of keys that a party has for what is encrypted to it, the same in each trial."""
    return key_pair(stream("key", party).bytes(32))


def device_for(name: str) -> Any:
    """Return the torch device for "auto", "cpu" or "cuda"."""
    import torch

    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)


def feature_count(dataset: FederatedDataset) -> int:
    """Return how many features each patient has."""
    return int(dataset.hospitals[0].train.features.shape[1])


def hospital_sizes(dataset: FederatedDataset) -> Mapping[str, int]:
    """Return each hospital's number of training patients."""
    return {hospital.name: len(hospital.train) for hospital in dataset.hospitals}
