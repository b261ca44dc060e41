"""One hospital of a Flower federation: its records and its memory in a directory of its own, and nobody else's."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from chainward import codec
from chainward.engines import lightning_trainer
from chainward.engines.flower.store import DirectoryStore
from chainward.engines.flower.wire import dumps, loads
from chainward.engines.local.attacks import Attack
from chainward.engines.local.cohort import CohortEngine
from chainward.engines.local.networks import TaskNetwork
from chainward.engines.local.sites import Sites, nobody_of
from chainward.errors import ChainwardError
from chainward.files import replace_file
from chainward.strategy import Strategy, discovery
from chainward.tasks.base import FederatedDataset, HospitalDataset, Patients, Training
from chainward.world import Answer, Query

RECORDS = "records.cbor"


@dataclass(frozen=True)
class Settings:
    """What all hospitals of a trial agree on; `sequence` is that of `FederatedDataset`."""

    strategy: str
    params: Mapping[str, Any]
    training: Mapping[str, Any]
    seed: int
    hospitals: tuple[str, ...]
    attack: Mapping[str, Any] | None = None
    sequence: int | None = None

    def text(self) -> str:
        """Return the settings as one line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def of(cls, text: str) -> Settings:
        """Invert `text`."""
        document = json.loads(text)
        return cls(**{**document, "hospitals": tuple(document["hospitals"])})


def settings_of(sites: Sites, strategy: Strategy[Any]) -> Settings:
    """Return what the hospitals of a trial must know."""
    hospitals = tuple(sites.training_rows)
    attack = asdict(sites.attack) if sites.attack else None
    name = discovery.name_of(type(strategy))
    training, sequence = asdict(sites.training), sites.network.sequence
    return Settings(name, codec.fields(strategy), training, sites.seed, hospitals, attack, sequence)


@dataclass(frozen=True)
class Place:
    """Where a hospital keeps its own, and the folder of the content store that all share.

    A directory that serves several runs has a memory for each `run`.
    """

    directory: Path
    store: Path
    run: str = ""

    def admit(self, name: str, records: Patients, held_out: Patients) -> None:
        """Give the hospital its training patients and those held out; a memory that is there stays."""
        document = {"name": name, "train": codec.fields(records), "held_out": codec.fields(held_out)}
        replace_file(self.directory / RECORDS, codec.encode(document))

    def name(self) -> str:
        """Return whose place this is."""
        return _admitted(self.directory)[0]

    def patients(self) -> int:
        """Return how many training patients the hospital has."""
        return len(_admitted(self.directory)[1])

    def memory(self) -> Mapping[str, Any] | None:
        """Return what the hospital's local functions last kept, None before the first."""
        memory: Mapping[str, Any] | None = loads(self._memory.read_bytes()) if self._memory.is_file() else None
        return memory

    def remember(self, memory: Mapping[str, Any]) -> None:
        """Keep the hospital's memory."""
        replace_file(self._memory, dumps(memory))

    @property
    def _memory(self) -> Path:
        return self.directory / f"memory{self.run}.cbor"


def places(root: Path, rows: Mapping[str, Patients], held_out: Mapping[str, Patients]) -> dict[str, Place]:
    """Give every hospital a folder of its own under `root`, with its training patients and those held out.

    The store lies beside them.
    """
    found = {name: Place(root / str(number), root / "store") for number, name in enumerate(rows)}
    for name, place in found.items():
        place.admit(name, rows[name], held_out[name])
    return found


def run(
    place: Place, settings: str, query: Callable[[Strategy[Any]], Query], payload: Any, label: str
) -> Answer | None:
    """Do a query with this hospital's records and memory; None is no answer."""
    strategy, engine = _opened(place, settings)
    name, memory, memories = place.name(), place.memory(), engine.sites.memories
    memories.pop(name, None)
    if memory is not None:
        memories[name] = memory
    answer = engine.run(query(strategy), {name: payload}, label).get(name)
    if name in memories:
        place.remember(memories[name])
    return answer


def held(place: Place, settings: str, name: str) -> Any:
    """Return the weights [P] the hospital holds under `name`, else the task's first weights.

    Raises:
        ChainwardError: what it holds is no model; its secrets and records are not for anybody to read.
    """
    strategy, engine = _opened(place, settings)
    engine.sites.memories[place.name()] = place.memory() or {}
    found = engine.held(place.name(), name)
    if not strategy.is_model(np.asarray(found), engine.sites.network):
        raise ChainwardError(f"what is kept as {name!r} is no model")
    return found


@lru_cache(maxsize=32)
def _admitted(directory: Path) -> tuple[str, Patients, Patients]:
    document = codec.decode((directory / RECORDS).read_bytes())
    return document["name"], Patients(**document["train"]), Patients(**document["held_out"])


@lru_cache(maxsize=32)
def _opened(place: Place, text: str) -> tuple[Strategy[Any], CohortEngine]:
    """Build the inside of one hospital; the other hospitals are names without patients."""
    torch.set_num_threads(1)  # as in a trial, so that sums never depend on the machine
    settings, (own, records, held_out) = Settings.of(text), _admitted(place.directory)
    nobody = nobody_of(records)
    parts = {name: (records, held_out) if name == own else (nobody, nobody) for name in settings.hospitals}
    hospitals = tuple(HospitalDataset(name, *part, nobody) for name, part in parts.items())
    training = Training(**settings.training)
    network = TaskNetwork(records.features.shape[1], training, torch.device("cpu"), settings.sequence)
    trainer = partial(lightning_trainer, network, training.learning_rate)
    dataset = FederatedDataset(hospitals, (), {}, "", ())
    attack = Attack(**{**settings.attack, "also": tuple(settings.attack["also"])}) if settings.attack else None
    sites = Sites(dataset, training, network, settings.seed, DirectoryStore(place.store), trainer, attack)
    return discovery.build(settings.strategy, settings.params), CohortEngine(sites)
