"""Saving a trial after a round, and going on from there to the same result."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chainward import codec
from chainward.files import replace_file
from chainward.results.document import decode, encode
from chainward.results.record import rounds_adapter
from chainward.results.rounds import Round
from chainward.strategy import Strategy
from chainward.world import World


@dataclass
class Checkpoint:
    """A file that holds a trial's progress; `None` saves nothing. Written at most every `interval_s` seconds."""

    path: Path | None = None
    interval_s: float = 10.0
    _saved: float = field(default_factory=time.monotonic)

    def load(self, strategy: Strategy[Any], world: World) -> tuple[Any, list[Round]]:
        """Put the world back as it was saved; return the strategy's state and the entries of the rounds done.

        Without a file, or with one that does not decode, the trial starts anew: (None, []).
        """
        saved = self._read()
        if saved is None:
            return None, []
        world.store.restore(saved["store"])
        world.ledger.restore(saved["ledger"])
        world.engine.restore(saved["memories"])
        world.clock.now = saved["now"]
        world.shared.update(saved["shared"])
        world.answered.update(saved["answered"])
        return strategy.state_type()(**saved["state"]), list(saved["entries"])

    def save(self, world: World, state: Any, entries: list[Round]) -> None:
        """Write the progress after a round."""
        if self.path is None or time.monotonic() - self._saved < self.interval_s:
            return
        self._saved = time.monotonic()
        document = {
            "state": codec.fields(state),
            "entries": encode(rounds_adapter(), tuple(entries)),
            "store": world.store.snapshot(),
            "ledger": world.ledger.snapshot(),
            "memories": world.engine.snapshot(),
            "now": world.clock.now,
            "shared": tuple(sorted(world.shared)),
            "answered": tuple(sorted(world.answered)),
        }
        replace_file(self.path, codec.encode(document))

    def discard(self) -> None:
        """Remove the file once the trial is on record."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _read(self) -> Mapping[str, Any] | None:
        if self.path is None or not self.path.is_file():
            return None
        try:
            saved: Mapping[str, Any] = codec.decode(self.path.read_bytes())
            return {**saved, "entries": decode(rounds_adapter(), saved["entries"])}
        except Exception:  # whatever is wrong with it, the trial can be run again
            return None
