"""The card of a paper: its words, which stand in the TOML beside its file, and the facts the meter checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from chainward.errors import ChainwardError
from chainward.strategy import paper
from chainward.world import Audience

Tier = Literal["T1", "T1x", "T2", "T3"]


@dataclass(frozen=True, kw_only=True)
class Words:
    """What a reader learns of a paper, and nothing that could change a trial but `published`.

    `tier` is the evidence behind our reading: T1 the authors' code or text, T1x also recomputed, T2 documentation or an
    abstract, T3 recall only. `interpretation` marks papers known by their abstract alone. `published` holds the
    `params` and the `training` that the track "published" puts over the common ones.
    """

    title: str
    authors: str
    where: str
    year: int
    family: str
    tier: Tier
    summary: str
    consensus: str
    interpretation: bool = False
    own_learner: bool = False
    reference: bool = False
    names: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()
    published: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Card(Words):
    """A paper's words, and facts about it that the conformance suite confirms from what the meter saw.

    `needs` are sums of counts, such as "committee + wanted <= hospitals", without which it cannot run: a plan whose
    task does not meet them is refused. They may name its parameters, its `numbers`, `hospitals` and `features`.
    """

    key: str
    sees_individual_updates: Audience
    raw_records_shared: str
    spends_gas: bool
    tolerates_absence: bool
    ends_by_itself: bool = False
    contracts: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @classmethod
    def beside(
        cls,
        file: str,
        *,
        sees_individual_updates: Audience,
        raw_records_shared: str,
        spends_gas: bool,
        tolerates_absence: bool,
        ends_by_itself: bool = False,
        contracts: tuple[str, ...] = (),
        needs: tuple[str, ...] = (),
    ) -> Card:
        """Return the card whose words stand under [card] in the TOML beside a strategy's `file`, which names its key.

        Raises:
            ChainwardError: the TOML or the table is missing or wrong; the message names file and field.
        """
        path = Path(file).with_suffix(".toml")
        table = paper.read(path).get("card")
        if table is None:
            raise ChainwardError(f"{path.name}: no table [card]; write title, authors, where and the other words")
        words = paper.checked(Words, table, f"{path.name}: card")
        return cls(
            **vars(words),
            key=path.stem,
            sees_individual_updates=sees_individual_updates,
            raw_records_shared=raw_records_shared,
            spends_gas=spends_gas,
            tolerates_absence=tolerates_absence,
            ends_by_itself=ends_by_itself,
            contracts=contracts,
            needs=needs,
        )
