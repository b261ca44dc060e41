"""Checks of trials in which one hospital of six breaks the protocol: it goes on, and the record names it."""

from __future__ import annotations

from typing import Any

import pytest

from chainward.methods.attack import MALFORMED
from chainward.testing.base import Checks
from chainward.testing.small import completed

ONE_OF_SIX = 0.17

ATTACKS: dict[str, dict[str, Any]] = {
    **{f"malformed, {form}": {"kind": "malformed", "form": form} for form in MALFORMED},
    "malformed at times": {"kind": "malformed", "strength": 0.5},
    "silent": {"kind": "silent"},
    "silent at times": {"kind": "silent", "strength": 0.5},
    "false scores": {"kind": "false_score"},
    "first to answer, with a step reversed": {"kind": "sign_flip", "strength": 4.0, "also": ("first_to_answer",)},
    "copying": {"kind": "copy"},
}

NOTICED = tuple(f"malformed, {form}" for form in ("short", "long", "mistyped"))
"""What nobody can take for what it must be; a protocol may never look at other numbers, or behind a content id."""


class AttackChecks(Checks):
    """One hostile hospital ends no trial."""

    @pytest.mark.parametrize("attack", ATTACKS)
    def test_one_hostile_hospital_of_six_ends_no_trial(self, attack: str) -> None:
        """The trial completes; whoever is silent or cannot be read is named in it, and nobody else is.

        What tolerates no absence may refuse by name instead.
        """
        record = self.record(attack={"share": ONE_OF_SIX, "strength": 1.0, **ATTACKS[attack]}, rounds=3)
        if record.status == "failed" and not self.card.tolerates_absence:
            assert record.error.type == "HospitalAbsent", record.error.traceback
            return
        record = completed(record)
        assert len(record.attackers) == 1
        named = {name for entry in record.rounds for name in (*entry.missing, *entry.unreadable)}
        assert named <= set(record.attackers)
        noticed = attack == "silent" or (attack in NOTICED and self.card.spends_gas)
        if noticed and self.card.raw_records_shared == "none":  # else all was told in the set-up
            assert named == set(record.attackers)

    def test_what_hospitals_reply_has_a_declared_form(self) -> None:
        """Every query declares the form of its replies, so that another is noticed before anybody works with it."""
        from chainward.testing.watching import observe

        assert observe(self.key).formless == ()
