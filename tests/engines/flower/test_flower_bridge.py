"""Whatever becomes of the other end of the bridge, a trial that asks over it fails by name and soon."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from multiprocessing.connection import Connection

import pytest

pytest.importorskip("flwr", reason="needs the flower extra: pip install 'chainward[flower]'")

from chainward.engines.flower import exchange as exchanges
from chainward.engines.flower.exchange import RemoteExchange
from chainward.engines.flower.wire import dumps, loads
from chainward.errors import ChainwardError

MORE_THAN_A_SOCKET_HOLDS = {"hospital 1": ("fit", bytes(32 << 20))}


@pytest.fixture
def ends() -> Iterator[tuple[Connection, Connection]]:
    here, there = socket.socketpair()
    with Connection(here.detach()) as ours, Connection(there.detach()) as theirs:
        yield ours, theirs


@pytest.mark.parametrize("questions", [{}, MORE_THAN_A_SOCKET_HOLDS], ids=["small", "large"])
def test_a_process_that_is_gone_is_noticed(ends, questions) -> None:
    gone = threading.Event()
    threading.Timer(0.3, gone.set).start()
    with closing(RemoteExchange(ends[0], 60.0, lambda: "superlink ended" if gone.is_set() else "")) as exchange:
        started = time.monotonic()
        with pytest.raises(ChainwardError, match="superlink ended"):
            exchange.ask(questions, "")
        assert 0.3 <= time.monotonic() - started < 3


@pytest.mark.parametrize("questions", [{}, MORE_THAN_A_SOCKET_HOLDS], ids=["small", "large"])
def test_silence_ends(ends, questions, monkeypatch) -> None:
    monkeypatch.setattr(exchanges, "_SLACK_S", 0.1)
    monkeypatch.setattr(exchanges, "START_S", 0.2)
    told = pytest.raises(ChainwardError, match="did not answer within")
    with closing(RemoteExchange(ends[0], 0.1, lambda: "")) as exchange, told:
        exchange.ask(questions, "")


def test_the_other_end_hangs_up(ends) -> None:
    ends[1].close()
    told = pytest.raises(ChainwardError, match="has ended before the trial did")
    with closing(RemoteExchange(ends[0], 60.0, lambda: "")) as exchange, told:
        exchange.ask({}, "")


def test_an_answer_comes_back(ends) -> None:
    def answer() -> None:
        questions, _ = loads(ends[1].recv_bytes())
        ends[1].send_bytes(dumps((7, None, {name: data for name, (_, data) in questions.items()})))

    there = threading.Thread(target=answer)
    there.start()
    with closing(RemoteExchange(ends[0], 60.0, lambda: "")) as exchange:
        assert exchange.ask({"hospital 1": ("fit", b"abc")}, "") == {"hospital 1": b"abc"}
        assert exchange.wire_bytes == 7
    there.join()
