"""A local anvil node of one's own: Cancun rules, blocks on demand, and no longer alive than whoever started it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from chainward.errors import ChainwardError
from chainward.folders import CHECKOUT

_OPTIONS = (
    *("--port", "0", "--hardfork", "cancun", "--chain-id", "1", "--color", "never"),
    # Blocks are made when the ledger says so, in the order of sending, starting at second 0.
    *("--no-mining", "--order", "fifo", "--timestamp", "0", "--prune-history", "16"),
    # Gas is counted and not paid for; the ledger itself keeps to a block's limit, as the chain in process does.
    *("--base-fee", "0", "--gas-price", "0", "--disable-min-priority-fee", "--disable-block-gas-limit"),
    *("--accounts", "0", "--auto-impersonate", "--no-create2"),
)
# The node's parent is a shell that ends it when its own input closes: in `close`, and in any death of this process. The
# shell is gone once the node is, whoever ended it.
_KEEPER = """
exec 3<&0
"$@" 3<&- & node=$!
{ read -r _ <&3; kill -s TERM $node; } & reader=$!
wait $node
exec 2>&-
kill $reader
wait $reader
"""
_READY = "Listening on "
_PATIENCE_S = 30.0


def find() -> Path:
    """Return the anvil program: `$ANVIL`, else as npm puts it into contracts/, else on PATH.

    Raises:
        ChainwardError: there is none.
    """
    named, on_path = os.environ.get("ANVIL"), shutil.which("anvil")
    packaged = sorted((CHECKOUT / "contracts" / "node_modules" / "@foundry-rs").glob("anvil-*/bin/anvil*"))
    candidates = [Path(named)] if named else [*packaged, *([Path(on_path)] if on_path else [])]
    for path in candidates:
        if path.is_file():
            return path
    raise ChainwardError("no anvil on this machine; `make contracts-test` installs it, or name it in $ANVIL")


class Anvil:
    """A running node; `url` answers JSON-RPC until `close`."""

    def __init__(self) -> None:
        program = str(find())
        with ExitStack() as opened:
            self._log = opened.enter_context(tempfile.TemporaryFile())
            self._keeper = self._start(program)
            opened.callback(self._end)
            self.url = f"http://{self._address(program)}"
            self.close = opened.pop_all().close

    @property
    def group(self) -> int:
        """The process group of the node and its keeper."""
        return self._keeper.pid

    def _start(self, program: str) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                ["sh", "-c", _KEEPER, "sh", program, *_OPTIONS],
                stdin=subprocess.PIPE,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise ChainwardError(f"{program} cannot be started here: {error.strerror}") from None

    def _end(self) -> None:
        if self._keeper.stdin is not None:
            self._keeper.stdin.close()
        try:
            self._keeper.wait(_PATIENCE_S / 10)
        except subprocess.TimeoutExpired:
            os.killpg(self.group, signal.SIGKILL)
            self._keeper.wait()

    def _address(self, program: str) -> str:
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            ended = self._keeper.poll() is not None
            # pread leaves alone the offset that the node writes at
            lines = os.pread(self._log.fileno(), 1 << 16, 0).decode(errors="replace").split("\n")[:-1]
            for line in lines:
                if line.startswith(_READY):
                    return line.removeprefix(_READY).strip()
            if ended:
                said = next((line.strip() for line in lines if line.strip()), "it said nothing")
                raise ChainwardError(f"{program} ended at once: {said}")
            time.sleep(0.01)
        raise ChainwardError(f"{program} does not listen after {_PATIENCE_S:.0f} s; is it anvil 1.7?")
