"""A node that knows blocks and nothing else, so that an EVM in process can have the block hashes of another chain."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection
from typing import Any

import pyrevm

EMPTY = {"eth_getCode": "0x", "eth_getStorageAt": "0x" + 64 * "0"}


class Handler(BaseHTTPRequestHandler):
    """Answers for blocks what the chain said, for any account that it is empty."""

    protocol_version = "HTTP/1.1"

    def __init__(self, blocks: Mapping[int, Any], *arguments: Any) -> None:
        self.blocks = blocks
        super().__init__(*arguments)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        result: Any = EMPTY.get(asked["method"], "0x0")
        if asked["method"] == "eth_getBlockByNumber":
            result = self.blocks.get(int(asked["params"][0], 16))
        answer = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        return


def serve(blocks: Mapping[int, Any], port: Connection) -> None:
    """Answer on a port of its own, told over the connection."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, blocks))
    port.send(server.server_port)
    server.serve_forever()


@contextmanager
def evm_with_hashes(blocks: Mapping[int, Any]) -> Iterator[partial[pyrevm.EVM]]:
    """Yield what makes an empty EVM whose BLOCKHASH is that of these blocks (as `eth_getBlockByNumber` tells them).

    A process of its own answers: the EVM lets no thread of this one run while it asks.
    """
    here, there = Pipe()
    process = Process(target=serve, args=(blocks, there), daemon=True)
    process.start()
    try:
        yield partial(pyrevm.EVM, fork_url=f"http://127.0.0.1:{here.recv()}", fork_block="0x0")
    finally:
        process.kill()
        process.join()
