"""The hospitals' side as a Flower `ClientApp`: train, evaluate, and a paper's own local functions as `query.NAME`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from chainward.engines.flower import hospital
from chainward.engines.flower.hospital import Place
from chainward.engines.flower.wire import (
    ANSWER,
    ASKED,
    CONFIG,
    ERROR,
    SETTINGS,
    Question,
    answer_document,
    dumps,
    loads,
)
from chainward.errors import ChainwardError
from chainward.strategy.flower.grid import PROXIMAL_MU
from chainward.world import ACCURACY, FIT, Proximal, Update

ARRAYS, METRICS, ROUND = "arrays", "metrics", "server-round"


class HospitalApp(ClientApp):
    """Answers our messages (`query.NAME`) and those of Flower's own strategies (`train`, `evaluate`).

    A SuperNode's configuration names its `directory` and `store`. In a simulation node number n lives in the folder n
    of `root`, by default the run's `hospitals`, with the store beside them. `settings` are for Flower's own
    strategies, whose messages carry none.
    """

    def __init__(self, root: str | None = None, settings: str = "") -> None:
        super().__init__()
        self._root, self._settings = root, settings
        self.train()(self._train)
        self.evaluate()(self._evaluate)

    def __call__(self, message: Message, context: Context) -> Message:
        """Answer one message; what a local function raised is told by its name and message."""
        if not message.metadata.message_type.startswith("query."):
            return super().__call__(message, context)
        action = message.metadata.message_type.removeprefix("query.")
        try:
            record = ConfigRecord({ANSWER: self._query(action, message.content[CONFIG], self._place(context))})
        except Exception as error:
            record = ConfigRecord({ERROR: f"{type(error).__name__}: {error}"})
        return Message(RecordDict({CONFIG: record}), reply_to=message)

    def _place(self, context: Context) -> Place:
        found, run = context.node_config, f"-{context.run_id}" if "memory-per-run" in context.run_config else ""
        if "directory" in found:
            return Place(Path(str(found["directory"])), Path(str(found["store"])), run)
        root = Path(self._root or str(context.run_config["hospitals"]))
        return Place(root / str(found["partition-id"]), root / "store", run)

    def _query(self, action: str, asked: ConfigRecord, place: Place) -> bytes:
        if action == "hello":
            return dumps(place.name())
        payload = loads(asked[ASKED])
        if action == "held":
            return dumps(hospital.held(place, asked[SETTINGS], payload))
        question = Question(*payload)
        answer = hospital.run(place, asked[SETTINGS], question.query, question.payload, question.label)
        return dumps(answer_document(answer))

    def _train(self, message: Message, context: Context) -> Message:
        update: Update = self._stock(FIT, message, context)
        arrays = ArrayRecord({name: Array(update.weights) for name in message.content[ARRAYS]})
        metrics = MetricRecord({"num-examples": update.samples, "train_loss": update.loss})
        return Message(RecordDict({ARRAYS: arrays, METRICS: metrics}), reply_to=message)

    def _evaluate(self, message: Message, context: Context) -> Message:
        accuracy = self._stock(ACCURACY, message, context)
        patients = self._place(context).patients()
        metrics = MetricRecord({"num-examples": patients, "accuracy": accuracy})
        return Message(RecordDict({METRICS: metrics}), reply_to=message)

    def _stock(self, query: Any, message: Message, context: Context) -> Any:
        (weights,), config = message.content[ARRAYS].to_numpy_ndarrays(), message.content[CONFIG]
        payload = Proximal(weights, config[PROXIMAL_MU]) if config.get(PROXIMAL_MU) else weights
        label = f"{config[ROUND]}/{query.name}/1"
        answer = hospital.run(self._place(context), self._settings, partial(_always, query), payload, label)
        if answer is None:
            raise ChainwardError("this hospital attacks by its silence")
        return answer.value


def _always(query: Any, _: Any) -> Any:
    return query
