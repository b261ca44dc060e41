"""BlockFL's small trials, also with hospitals that lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from papers import preparing

from chainward.strategy import discovery
from chainward.testing import varied
from chainward.world import Memory, Site, Update

prepared = preparing("blockfl", hospitals=4, rounds=3, patients=60, size_skew=0.7)


def blockfl(**params: Any) -> Any:
    return discovery.build("blockfl", params)


def lying(how: Callable[[str, int, int], tuple[str, int, int]], who: Sequence[str] = ("hospital 1",)) -> Any:
    """The strategy with hospitals that report something else than content id, samples and time."""
    kind: Any = discovery.load("blockfl")

    def upload(self: Any, site: Site, memory: Memory, update: Update) -> Any:
        report, memory = kind.upload(self, site, memory, update)
        return (how(*report) if site.name in who else report), memory

    return varied("blockfl", upload=upload)
