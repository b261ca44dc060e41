"""What a dishonest minority tries on BFLC, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from test_bflc_contract import DRAWING, SCORING, Federation

COLLUDERS = frozenset({"h1", "h2", "h5", "h6", "h7", "h8"})  # six of twenty; the first four found the committee


def silent_epoch(federation: Federation, members: Iterable[str]) -> None:
    """Colluders propose before all others and never score; honest members score, honest trainers propose."""
    trainers = [name for name in federation.names if name not in members]
    first = sorted(trainers, key=lambda name: name not in COLLUDERS)[: federation.wanted]
    federation.propose(first)
    scores = [0.4 if name in COLLUDERS else 0.6 for name in first]
    federation.score([(name, scores) for name in members if name not in COLLUDERS])
    if federation.call("phase") == SCORING:
        federation.late().close()
    if federation.call("phase") == DRAWING:
        federation.redraw()


@pytest.mark.parametrize("seed", range(40))
def test_silence_gains_no_seat(seed: int) -> None:
    """Two of four are silent in each epoch that they can abandon so. Who scored stays, so they never are three."""
    federation = Federation(hospitals=20, committee=4, wanted=10, merged=6).wait(seed).register()
    for epoch in range(1, 6):
        members = federation.call("committee", epoch)
        honest = set(members) - COLLUDERS
        assert len(honest) >= 2
        silent_epoch(federation, members)
        if not federation.call("best", epoch)[0]:
            assert honest <= set(federation.call("committee", epoch + 1))
