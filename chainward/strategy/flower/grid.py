"""Flower's grid over our world: what a stock Flower strategy sends becomes questions to our hospitals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import numpy as np
from flwr.app import Array, ArrayRecord, Message, MessageType, MetricRecord, RecordDict
from flwr.serverapp import Grid

from chainward.errors import ChainwardError
from chainward.world import ACCURACY, FIT, Each, Proximal, Query, Update, World

PROXIMAL_MU = "proximal-mu"
"""The setting by which Flower's FedProx tells hospitals its mu."""

Content = Callable[[str, Any, list[str]], RecordDict]


class WorldGrid(Grid):
    """Node n is the n-th hospital, counted from 1; all are on the list, and who is absent does not reply."""

    def __init__(self, world: World) -> None:
        self._nodes = dict(enumerate(world.hospitals, start=1))
        self._world, self._looks = world, 0

    def get_node_ids(self) -> list[int]:
        """Return all nodes.

        Raises:
            ChainwardError: the strategy keeps looking, because it waits for more nodes than there are hospitals.
        """
        self._looks += 1
        if self._looks > 3:
            raise ChainwardError(f"it waits for more nodes than there are hospitals ({len(self._nodes)})")
        return list(self._nodes)

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        """Train or evaluate at the hospitals that the messages go to; replies come in the order of hospitals."""
        self._looks = 0
        sent, replies = list(messages), []
        for kind, query, content in (
            (MessageType.TRAIN, FIT, self._trained),
            (MessageType.EVALUATE, ACCURACY, self._evaluated),
        ):
            asked = {self._nodes[m.metadata.dst_node_id]: m for m in sent if m.metadata.message_type == kind}
            if asked:
                replies += self._ask(query, {n: asked[n] for n in self._nodes.values() if n in asked}, content)
        return replies

    def _ask(self, query: Query, asked: Mapping[str, Message], content: Content) -> list[Message]:
        arrays = {name: _only(message.content.array_records.values()) for name, message in asked.items()}
        weights = {name: _only(record.values()).numpy() for name, record in arrays.items()}
        payload = Each({name: _payload(weights[name], message) for name, message in asked.items()})
        found = self._world.ask(tuple(asked), query, payload).open()
        return [
            Message(content(name, value, list(arrays[name])), reply_to=asked[name]) for name, value in found.items()
        ]

    def _trained(self, _: str, update: Update, names: list[str]) -> RecordDict:
        arrays = ArrayRecord({name: Array(np.array(update.weights)) for name in names})
        metrics = MetricRecord({"num-examples": update.samples, "train_loss": update.loss})
        return RecordDict({"arrays": arrays, "metrics": metrics})

    def _evaluated(self, name: str, accuracy: float, _: list[str]) -> RecordDict:
        return RecordDict({"metrics": MetricRecord({"num-examples": self._world.sizes[name], "accuracy": accuracy})})

    @property
    def run(self) -> NoReturn:
        """Refuse: there is no run of Flower's here."""
        self._refuse()

    def set_run(self, run: Any) -> NoReturn:
        """Refuse: there is no run of Flower's here."""
        self._refuse()

    def create_message(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: Flower deprecated it."""
        self._refuse()

    def push_messages(self, messages: Iterable[Message]) -> NoReturn:
        """Refuse: a world answers at once."""
        self._refuse()

    def pull_messages(self, message_ids: Iterable[str]) -> NoReturn:
        """Refuse: a world answers at once."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise ChainwardError("a stock strategy here exchanges messages by `send_and_receive` only")


def _only(items: Iterable[Any]) -> Any:
    (item,) = items
    return item


def _payload(weights: Any, message: Message) -> Any:
    """What a message asks to train or evaluate: its weights, and of all other settings only a proximal term."""
    settings = {name: value for record in message.content.config_records.values() for name, value in record.items()}
    mu = settings.pop(PROXIMAL_MU, 0.0)
    for name, value in settings.items():
        if name != "server-round" and value:
            raise ChainwardError(f"it asks hospitals for {name} = {value!r}, which the task's training does not do")
    return Proximal(weights, float(mu)) if mu else weights
