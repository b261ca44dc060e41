"""Carrying questions to hospitals: over a Flower grid, or over a connection to the process that has the grid."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Protocol

from flwr.app import ConfigRecord, Message, RecordDict
from flwr.serverapp import Grid

from chainward.engines.flower.bridge import START_S
from chainward.engines.flower.wire import ANSWER, ASKED, CONFIG, ERROR, SETTINGS, dumps, loads
from chainward.errors import ChainwardError

_LOOK_EVERY_S, _SLACK_S = 0.1, 15.0
Questions = Mapping[str, tuple[str, bytes]]


class Exchange(Protocol):
    """Carries questions (action and bytes by hospital) to hospitals."""

    wire_bytes: int

    def ask(self, questions: Questions, settings: str) -> dict[str, bytes]:
        """Return what those who are there and answer in time reply; raises `ChainwardError` with what one raised."""


class GridExchange:
    """An exchange over a Flower grid. Node ids are no names: hospitals are asked who they are when they first appear.

    `timeout_s` is for one exchange; whoever has not answered by then counts as absent from it.
    """

    def __init__(self, grid: Grid, timeout_s: float) -> None:
        self._grid, self._timeout_s = grid, timeout_s
        self._names: dict[int, str] = {}
        self.wire_bytes = 0

    def wait(self, hospitals: int, patience_s: float) -> None:
        """Wait until so many hospitals have said who they are; go on without the others when patience ends."""
        end = time.monotonic() + patience_s
        while len(set(self._present().values())) < hospitals and time.monotonic() < end:
            time.sleep(_LOOK_EVERY_S)

    def ask(self, questions: Questions, settings: str) -> dict[str, bytes]:
        """Send every question to its hospital at once and wait for the answers."""
        nodes = {name: node for node, name in self._present().items()}  # of two nodes of one hospital the newer
        there = {nodes[name]: asked for name, asked in questions.items() if name in nodes}
        return {self._names[node]: data for node, data in self._send(there, settings).items()}

    def _present(self) -> dict[int, str]:
        online = set(self._grid.get_node_ids())
        new = online - set(self._names)
        self._names |= {node: loads(data) for node, data in self._send(dict.fromkeys(new, ("hello", b"")), "").items()}
        return {node: name for node, name in self._names.items() if node in online}

    def _send(self, questions: Mapping[int, tuple[str, bytes]], settings: str) -> dict[int, bytes]:
        messages = [
            Message(
                RecordDict({CONFIG: ConfigRecord({ASKED: data, SETTINGS: settings})}),
                node,
                f"query.{action}",
                ttl=self._timeout_s,
            )
            for node, (action, data) in questions.items()
        ]
        self.wire_bytes += sum(_size(message) for message in messages)
        replies = self._send_and_receive(messages) if messages else []
        return {reply.metadata.src_node_id: self._read(reply) for reply in replies if not reply.has_error()}

    def _send_and_receive(self, messages: list[Message]) -> list[Message]:
        """Do what `Grid.send_and_receive` does, which looks for replies every three seconds only."""
        end, replies = time.monotonic() + self._timeout_s, list[Message]()
        waiting = set(self._grid.push_messages(messages))
        while waiting and time.monotonic() < end:
            found = list(self._grid.pull_messages(waiting))
            waiting -= {reply.metadata.reply_to_message_id for reply in found}
            replies += found
            time.sleep(_LOOK_EVERY_S if waiting else 0)
        return replies

    def _read(self, reply: Message) -> bytes:
        record = reply.content[CONFIG]
        self.wire_bytes += _size(reply)
        if ERROR in record:
            raise ChainwardError(f"{self._names[reply.metadata.src_node_id]}: {record[ERROR]}")
        return bytes(record[ANSWER])


def _size(message: Message) -> int:
    return sum(len(value) for value in message.content[CONFIG].values())


class RemoteExchange:
    """An exchange whose grid belongs to somebody else, who runs `serve` at the other end of the connection.

    `ended` says why there can be no answer any more, and nothing while there can; `timeout_s` is for one exchange.
    """

    def __init__(self, connection: Connection, timeout_s: float, ended: Callable[[], str]) -> None:
        self._connection, self._timeout_s, self._ended = connection, timeout_s, ended
        self._carrier = ThreadPoolExecutor(1, "exchange")
        self._patience_s = start_s(timeout_s) + exchange_s(timeout_s)  # the first waits until hospitals have started
        self.wire_bytes = 0

    def ask(self, questions: Questions, settings: str) -> dict[str, bytes]:
        """Have the other end ask.

        Raises:
            ChainwardError: a hospital's function failed, or the other end is gone or silent for too long.
        """
        answer = self._carrier.submit(self._carried, dumps((questions, settings)))
        self._watch(answer)
        self._patience_s = exchange_s(self._timeout_s)
        try:
            self.wire_bytes, failed, found = loads(answer.result())
        except (EOFError, OSError):
            raise ChainwardError("the Flower run has ended before the trial did; see its log") from None
        if failed is not None:
            raise ChainwardError(failed)
        return dict(found)

    def close(self) -> None:
        """Hang up, whatever is under way."""
        with suppress(OSError), socket.socket(fileno=os.dup(self._connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)  # unlike closing, this wakes a thread that waits
        self._carrier.shutdown()
        self._connection.close()

    def _carried(self, question: bytes) -> bytes:
        self._connection.send_bytes(question)
        return self._connection.recv_bytes()

    def _watch(self, answer: Future[bytes]) -> None:
        """Return once the answer is there or failed to come."""
        end = time.monotonic() + self._patience_s
        while not wait([answer], _LOOK_EVERY_S).done:
            if reason := self._ended():
                raise ChainwardError(f"the Flower run is over: {reason}")
            if time.monotonic() > end:
                raise ChainwardError(f"the Flower run did not answer within {self._patience_s:g} s")


def start_s(timeout_s: float) -> float:
    """Return how long hospitals may take to start, in seconds, however short the time for one exchange."""
    return max(timeout_s, START_S)


def exchange_s(timeout_s: float) -> float:
    """Return how long one exchange may take, in seconds: newcomers are asked who they are, then all are asked."""
    return 2 * timeout_s + _SLACK_S


def serve(grid: Grid, connection: Connection, hospitals: int, timeout_s: float) -> None:
    """Put the questions that arrive to the hospitals of a grid until the other end hangs up.

    The first waits until all have started, however short the time for one exchange.
    """
    exchange = GridExchange(grid, timeout_s)
    exchange.wait(hospitals, start_s(timeout_s))
    failed, found = None, {}
    while True:
        try:
            questions, settings = loads(connection.recv_bytes())
        except (EOFError, OSError):
            return
        try:
            failed, found = None, exchange.ask(questions, settings)
        except Exception as error:  # told to the trial, which ends the run
            failed, found = str(error), {}
        connection.send_bytes(dumps((exchange.wire_bytes, failed, found)))
