"""Checks of the card's facts against what the meter saw in a small trial."""

from __future__ import annotations

from chainward.results.record import Facts
from chainward.testing.base import Checks
from chainward.testing.canonical import changes
from chainward.testing.small import completed
from chainward.testing.watching import observe
from chainward.world import Kind

PATIENCE_WITH_ENDING = 300
"""Rounds after which a strategy that ends by itself must have ended."""


class FactChecks(Checks):
    """Disclosure, gas, ending, sealed replies and what is kept."""

    def facts(self, task: str = "synthetic") -> Facts:
        """Return the metered facts of a small trial."""
        return completed(self.record(task)).facts

    def test_who_sees_individual_updates(self) -> None:
        """The widest audience a hospital's own update had is the one on the card."""
        assert self.facts().sees_individual_updates == self.card.sees_individual_updates

    def test_raw_records_shared(self) -> None:
        """The card says "none" exactly when none was; "all" means every training record of every hospital."""
        shared = self.facts().raw_records_shared
        assert (shared == 0) == (self.card.raw_records_shared == "none")
        if self.card.raw_records_shared == "all":
            assert shared == sum(hospital.train for hospital in self.record().hospitals)

    def test_spends_gas_if_it_has_a_contract(self) -> None:
        """Gas is spent if and only if the card says so and names a contract."""
        assert self.facts().spends_gas == self.card.spends_gas == bool(self.card.contracts)

    def test_contracts_used_are_on_the_card(self) -> None:
        """Every contract that was called is on the card, and the other way round; some are for the published track."""
        used = {row.contract for row in completed(self.record()).gas_functions}
        if used < set(self.card.contracts):
            used |= {row.contract for row in completed(self.record(track="published")).gas_functions}
        assert used == set(self.card.contracts)

    def test_ends_by_itself(self) -> None:
        """A strategy ends before its rounds are used up exactly when the card says that it ends by itself."""
        rounds = PATIENCE_WITH_ENDING if self.card.ends_by_itself else 3
        assert completed(self.record(rounds=rounds)).facts.ended_by_itself == self.card.ends_by_itself

    def test_reads_no_sealed_reply_without_opening_it(self) -> None:
        """In a watched world nothing is reached past the interface, and every opening is on the meter."""
        seen = observe(self.key)
        assert seen.trespasses == ()
        opened = [row.count for row in seen.result.disclosures if row.audience == "coordinator"]
        assert seen.opened == sum(opened)

    def test_small_replies_carry_no_model(self) -> None:
        """What is declared a reference, scores or statistics has no array as large as the task's network."""
        weights = observe(self.key).parameters
        for kind in (Kind.CONTROL, Kind.SCORES, Kind.STATISTICS):
            assert observe(self.key).largest.get(kind, 0) < weights

    def test_replies_are_canonical(self) -> None:
        """What a hospital replies could be sent between machines."""
        for what, value in observe(self.key).replies:
            assert not [lost for lost in changes(value, what) if "cannot be saved" in lost]

    def test_memory_is_canonical(self) -> None:
        """What hospitals keep is the same after a checkpoint."""
        assert list(changes(observe(self.key).memories, "memory")) == []

    def test_state_is_canonical(self) -> None:
        """The state after every round is the same after a checkpoint."""
        for number, state in enumerate(observe(self.key).states, 1):
            assert type(state) is self.kind.state_type()
            fields = {name: getattr(state, name) for name in state.__dataclass_fields__}
            assert list(changes(fields, f"state after round {number}")) == []
