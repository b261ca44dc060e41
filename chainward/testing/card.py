"""Checks of what a strategy says about itself, without running it."""

from __future__ import annotations

import dataclasses
import inspect
import re

import pytest

from chainward.errors import ChainwardError
from chainward.judges import JUDGES, Evidence
from chainward.ledgers import artifacts
from chainward.strategy import Audience, discovery
from chainward.strategy.discovery import keys
from chainward.testing.base import Checks
from chainward.testing.reading import foreign_imports, private_uses
from chainward.testing.small import results_of

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
            assert artifacts.find(contract, discovery.artifact_folders(self.key)).contract == contract

    def test_claims_are_complete(self) -> None:
        """Each claim has a key of its own and says where it stands, what would confirm it and which plan decides."""
        claims = discovery.claims(self.key)
        assert len({claim["key"] for claim in claims}) == len(claims)
        for claim in claims:
            for field in ("key", "claim", "tier", "reproduced", "plan"):
                assert str(claim.get(field, "")).strip(), f"claim {claim['key']}: {field} is missing"
            assert "partly" in claim, f"claim {claim['key']}: partly is missing; empty says there is no such verdict"
            assert claim["tier"] in TIERS

    def test_judges_of_claims_exist(self) -> None:
        """A claim that is judged by a rule names one that exists and gives it its arguments."""
        for claim in discovery.claims(self.key):
            rule = dict(claim.get("judge", {"name": None}))
            name = rule.pop("name")
            if name is not None:
                inspect.signature(JUDGES[name]).bind(Evidence(results_of(), self.key), **rule)

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
        source = discovery.source(self.key)
        assert foreign_imports(source) == []
        assert private_uses(source) == []
