"""Checks of what a strategy says about itself, without running it."""

from __future__ import annotations

import dataclasses
import re

import pytest

from chainward.errors import ChainwardError
from chainward.judges import checked_claims
from chainward.ledgers import artifacts
from chainward.plans.claims import specifications_of
from chainward.strategy import Audience, discovery
from chainward.strategy.discovery import keys
from chainward.testing.base import Checks
from chainward.testing.reading import foreign_imports, private_uses

TIERS = ("T1", "T1x", "T2", "T3")


class CardChecks(Checks):
    """Card, claims, hyper-parameters and source."""

    def test_is_in_the_line_up_under_its_key(self) -> None:
        """Discovery finds it, and the card has the same key."""
        assert self.key in keys()
        assert self.card.key == self.key

    def test_card_is_complete(self) -> None:
        """A reader learns what is reimplemented, from where, and on which evidence."""
        for field in ("title", "authors", "where", "family", "summary", "consensus", "raw_records_shared"):
            assert getattr(self.card, field).strip(), f"the card's {field} is empty"
        assert self.card.tier in TIERS
        assert self.card.year >= 1990
        assert isinstance(self.card.sees_individual_updates, Audience)

    def test_contracts_on_the_card_are_compiled(self) -> None:
        """Every contract has an artifact, beside the strategy or in chainward."""
        for contract in self.card.contracts:
            assert artifacts.find(contract, discovery.artifact_folders(self.kind)).contract == contract

    def test_claims_are_complete_and_can_be_judged(self) -> None:
        """Each has a key of its own, a rule, trials that decide it, and a judge that exists and takes its arguments."""
        for claim in checked_claims(self.kind):
            for field in ("key", "claim", "reproduced"):
                assert getattr(claim, field).strip(), f"claim {claim.key}: {field} is empty"
            assert bool(claim.judge) == bool(claim.trials), f"claim {claim.key}: a judge needs trials"
            assert list(specifications_of(self.kind, claim)) or not claim.trials

    def test_is_a_frozen_dataclass_with_a_frozen_state(self) -> None:
        """Nothing can be kept on the strategy, and a state is never changed in place."""
        for kind in (self.kind, self.kind.state_type()):
            parameters = vars(kind).get("__dataclass_params__")
            assert parameters is not None, f"{kind.__name__} is no dataclass"
            assert parameters.frozen, f"{kind.__name__} is not frozen"

    def test_hyper_parameters_have_defaults(self) -> None:
        """A plan may name the strategy alone."""
        assert discovery.build(self.key, {}) == self.kind()

    def test_hyper_parameters_are_checked(self) -> None:
        """An unknown one and one of a wrong type are refused, and the message names it."""
        with pytest.raises(ChainwardError, match="no_such_parameter"):
            discovery.build(self.key, {"no_such_parameter": 1})
        for field in dataclasses.fields(self.kind):
            with pytest.raises(ChainwardError, match=re.escape(field.name)):
                discovery.build(self.key, {field.name: object()})

    def test_source_uses_the_interface_only(self) -> None:
        """It imports of chainward only strategy, world and methods, and reads nothing private or unmetered."""
        source = discovery.source(self.kind)
        assert source
        assert foreign_imports(source) == []
        assert private_uses(source) == []
