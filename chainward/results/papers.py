"""The papers behind a report: cards and claims as they were when it was run. No part of what a trial is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from pydantic import TypeAdapter

from chainward.results.document import STRICT
from chainward.strategy import Card, discovery
from chainward.strategy.claims import Claim
from chainward.strategy.threats import Threat


@dataclass(frozen=True)
class Paper:
    """A strategy's card, the claims of its paper, and what was tried against it."""

    card: Card
    claims: tuple[Claim, ...]
    threats: tuple[Threat, ...] = ()


Papers = Mapping[str, Paper]


@cache
def adapter() -> TypeAdapter[Papers]:
    """Return what reads and writes papers by strategy."""
    return TypeAdapter(Papers, config=STRICT)


def papers_of(strategies: Iterable[str]) -> dict[str, Paper]:
    """Return the papers of strategies as they are now.

    Raises:
        ChainwardError: a strategy is unknown or its file of claims is broken.
    """
    kinds = {key: discovery.load(key) for key in sorted(set(strategies))}
    return {key: Paper(kind.card, discovery.claims(kind), discovery.threats(kind)) for key, kind in kinds.items()}
