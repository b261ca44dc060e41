"""AccessManager by hand, all that it refuses, and random callers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import pytest
from anybody import Anybody
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from papers import NOBODY, STRANGER, solidity

from chainward.methods.content import salted
from chainward.testing import ContractConformance, OnChain
from chainward.testing.contracts import Refusals, accepted
from chainward.testing.liveness import Liveness
from chainward.world import Reverted

BLOCKS = 10
ENDLESS = 10**9
ONE = 1_000_000
NONE, CLASSIFIER, CLINICIAN = 0, 1, 2
TRAINING, RETRAINING = 0, 1
A, B, C = (salted(name, bytes(32)) for name in "abc")


@dataclass
class Ward(OnChain):
    """Two patients, a service that classifies and a doctor who does not; a clinic assigns the roles."""

    patients: tuple[str, ...] = ("ann", "bob")

    def __post_init__(self) -> None:
        self.deploy("AccessManager", [self.patients, BLOCKS], "clinic")
        self.does("clinic", "assign", "service", CLASSIFIER)

    def does(self, sender: str, function: str, *arguments: Any) -> Self:
        self.send(sender, function, *arguments)
        return self

    def granted(self, purpose: int = RETRAINING, until: int = ENDLESS, data: bytes = A, patient: str = "ann") -> Self:
        """A patient has consented and posted, and the service has access."""
        self.does(patient, "grant", CLASSIFIER, purpose, until).does(patient, "post", data)
        return self.does("service", "requestAccess", patient, data, purpose)

    def retrained(self, data: bytes = A, model: bytes = B, patient: str = "ann") -> Self:
        return self.granted(data=data, patient=patient).does("service", "retrained", patient, data, model)

    def judged(self, before: int, afterwards: int, **others: Any) -> Self:
        return self.retrained(**others).does("ann", "judge", before, afterwards)


def test_a_version_that_is_no_worse_stands() -> None:
    ward = Ward().does("service", "trained", C)
    assert ward.call("current", "ann") == C
    ward.judged(5, 5, model=B)
    assert (ward.call("current", "ann"), ward.call("current", "bob")) == (B, C)
    ward.judged(5, 6, data=B, model=A)
    assert ward.call("history", "ann") == (B, A)


def test_a_version_that_is_worse_is_rolled_back_to_the_one_before() -> None:
    ward = Ward().does("service", "trained", C).judged(5, 6, model=B).judged(6, 5, data=B, model=A)
    assert (ward.call("current", "ann"), ward.call("history", "ann")) == (B, (B,))
    ward.judged(6, 5, data=C, model=A)
    assert ward.call("current", "ann") == B


def test_a_version_that_nobody_judges_is_rolled_back_by_anybody() -> None:
    ward = Ward().does("service", "trained", C).retrained()
    with pytest.raises(Reverted, match="before the deadline"):
        ward.does(STRANGER, "close", "ann")
    ward.wait(BLOCKS + 1).does(STRANGER, "close", "ann")
    assert ward.call("current", "ann") == C
    assert ward.retrained(data=B, model=A).call("current", "ann") == A


def test_events_tell_it_all() -> None:
    receipts = Ward().does("service", "trained", C).judged(1, 2).ledger.receipts
    told = [name for receipt in receipts for name, _ in receipt.events]
    assert told == ["RoleAssigned", "BaseTrained", "Consented", "Posted", "Granted", "Retrained", "Kept"]
    last = Ward().judged(2, 1).ledger.receipts[-1].events
    assert [name for name, _ in last] == ["RolledBack"]


def test_what_is_refused_leaves_no_trace() -> None:
    """A refusal reverts, so there is no event of it."""
    ward = Ward().does("ann", "post", A)
    before = len(ward.ledger.receipts)
    with pytest.raises(Reverted, match="no grant"):
        ward.does("service", "requestAccess", "ann", A, RETRAINING)
    assert not [one for receipt in ward.ledger.receipts[before:] for one in receipt.events]
    assert ward.call("accesses", "ann", A)[0] == NOBODY


def test_consent_is_for_one_role_and_one_purpose() -> None:
    ward = Ward().does("clinic", "assign", "doctor", CLINICIAN).does("ann", "post", A)
    ward.does("ann", "grant", CLINICIAN, TRAINING, ENDLESS)
    for sender, purpose in (("service", TRAINING), ("service", RETRAINING), ("doctor", RETRAINING)):
        with pytest.raises(Reverted, match="no grant"):
            ward.does(sender, "requestAccess", "ann", A, purpose)
    ward.does("doctor", "requestAccess", "ann", A, TRAINING)


def test_a_consent_holds_up_to_its_last_block() -> None:
    ward = Ward().does("ann", "post", A).does("ann", "post", B)
    until = ward.ledger.receipts[-1].block + 5
    ward.does("ann", "grant", CLASSIFIER, RETRAINING, until)
    ward.wait(until - 1 - ward.ledger.block(ward.now)).does("service", "requestAccess", "ann", A, RETRAINING)
    assert ward.ledger.receipts[-1].block == until
    with pytest.raises(Reverted, match="no grant"):
        ward.wait(1).does("service", "requestAccess", "ann", B, RETRAINING)


def test_that_somebody_posts_anothers_hash_holds_up_nobody() -> None:
    ward = Ward().does("bob", "grant", CLASSIFIER, RETRAINING, ENDLESS).does("bob", "post", A)
    ward.does("service", "requestAccess", "bob", A, RETRAINING)
    assert ward.judged(1, 1).call("current", "ann") == B


def revoked() -> Ward:
    return Ward().granted().does("ann", "revoke", CLASSIFIER, RETRAINING)


def consenting_again() -> Ward:
    return revoked().does("ann", "grant", CLASSIFIER, RETRAINING, ENDLESS)


def dismissed() -> Ward:
    return Ward().granted().does("clinic", "assign", "service", NONE)


REFUSALS: Refusals = {
    "constructor": [("listed twice", lambda: Ward(("ann", "ann")))],
    "assign": [
        ("not the authority", lambda: Ward().does("service", "assign", "service", CLINICIAN)),
        ("patients have no role", lambda: Ward().does("clinic", "assign", "ann", CLASSIFIER)),
    ],
    "grant": [
        ("not a patient", lambda: Ward().does("service", "grant", CLASSIFIER, TRAINING, ENDLESS)),
        ("not a role", lambda: Ward().does("ann", "grant", NONE, TRAINING, ENDLESS)),
        ("over already", lambda: Ward().wait(5).does("ann", "grant", CLASSIFIER, TRAINING, 2)),
    ],
    "revoke": [
        ("not a patient", lambda: Ward().does("service", "revoke", CLASSIFIER, TRAINING)),
        ("no grant", lambda: Ward().granted().does("ann", "revoke", CLASSIFIER, TRAINING)),
    ],
    "post": [
        ("not a patient", lambda: Ward().does("service", "post", A)),
        ("posted before", lambda: Ward().does("ann", "post", A).does("ann", "post", A)),
    ],
    "requestAccess": [
        ("no such records", lambda: Ward().granted().does("service", "requestAccess", "ann", B, RETRAINING)),
        ("no such records", lambda: Ward().granted().does("service", "requestAccess", "bob", A, RETRAINING)),
        ("no role", lambda: Ward().granted().does(STRANGER, "requestAccess", "ann", A, RETRAINING)),
        ("no role", lambda: dismissed().does("ann", "post", B).does("service", "requestAccess", "ann", B, RETRAINING)),
        ("no grant", lambda: Ward().granted().does("service", "requestAccess", "ann", A, TRAINING)),
        ("no grant", lambda: revoked().does("ann", "post", B).does("service", "requestAccess", "ann", B, RETRAINING)),
        ("already granted", lambda: Ward().granted().does("service", "requestAccess", "ann", A, RETRAINING)),
    ],
    "trained": [
        ("no model", lambda: Ward().does("service", "trained", bytes(32))),
        ("not a classifier", lambda: Ward().does(STRANGER, "trained", A)),
        ("there is a base", lambda: Ward().does("service", "trained", A).does("service", "trained", B)),
    ],
    "retrained": [
        ("no access", lambda: Ward().granted().does("service", "retrained", "ann", B, C)),
        ("no access", lambda: Ward().granted().does(STRANGER, "retrained", "ann", A, C)),
        ("not for retraining", lambda: Ward().granted(TRAINING).does("service", "retrained", "ann", A, C)),
        ("no model", lambda: Ward().granted().does("service", "retrained", "ann", A, bytes(32))),
        ("taken back since", lambda: consenting_again().does("service", "retrained", "ann", A, C)),
        ("already retrained", lambda: Ward().judged(1, 1).does("service", "retrained", "ann", A, C)),
        ("too late", lambda: Ward().granted().wait(BLOCKS + 1).does("service", "retrained", "ann", A, C)),
        ("no role", lambda: dismissed().does("service", "retrained", "ann", A, C)),
        ("no grant", lambda: revoked().does("service", "retrained", "ann", A, C)),
        ("a version waits", lambda: Ward().retrained().retrained(data=B)),
    ],
    "judge": [
        ("not a patient", lambda: Ward().retrained().does("service", "judge", 1, 1)),
        ("nothing to judge", lambda: Ward().granted().does("ann", "judge", 1, 1)),
        ("nothing to judge", lambda: Ward().judged(1, 1).does("ann", "judge", 1, 1)),
        ("too late", lambda: Ward().retrained().wait(BLOCKS + 1).does("ann", "judge", 1, 1)),
        ("not a score", lambda: Ward().judged(0, ONE + 1)),
    ],
    "close": [
        ("nothing to judge", lambda: Ward().granted().wait(BLOCKS + 1).does("ann", "close", "ann")),
        ("before the deadline", lambda: Ward().retrained().does("service", "close", "ann")),
    ],
}


class TestRefusals(ContractConformance):
    source = solidity("AccessManager")
    refusals = REFUSALS


class Asking(Anybody):
    """Anybody calls anything: no access without a consent that holds, no model without access, no worse one stands."""

    steps = 30
    anybody = st.sampled_from(["ann", "bob", "service", "doctor", "clinic", STRANGER])
    patient = st.sampled_from(["ann", "bob"])
    data = st.sampled_from([A, B, C])
    role, purpose = st.sampled_from([NONE, CLASSIFIER, CLINICIAN]), st.sampled_from([TRAINING, RETRAINING])

    @initialize()
    def begin(self) -> None:
        self.it = Ward()
        self.roles = {"service": CLASSIFIER}
        self.consents: set[tuple[str, int, int]] = set()
        self.posts: set[tuple[str, bytes]] = set()
        self.open: dict[tuple[str, bytes], tuple[str, int]] = {}
        self.ended: set[tuple[str, bytes, int]] = set()
        self.chains: dict[str, list[bytes]] = {"ann": [], "bob": []}
        self.waiting: set[str] = set()
        self.made = 0

    @rule(sender=anybody, account=st.sampled_from(["service", "doctor"]), role=role)
    def assign(self, sender: str, account: str, role: int) -> None:
        if self.try_to(sender, "assign", account, role):
            assert sender == "clinic"
            self.roles[account] = role

    @rule(sender=anybody, role=role, purpose=purpose, take_back=st.booleans())
    def consent(self, sender: str, role: int, purpose: int, take_back: bool) -> None:
        if take_back and self.try_to(sender, "revoke", role, purpose):
            self.consents.remove((sender, role, purpose))
            own = [data for (patient, data) in self.open if patient == sender]
            self.ended |= {(sender, data, role) for data in own if purpose == RETRAINING}
        if not take_back and self.try_to(sender, "grant", role, purpose, ENDLESS):
            self.consents.add((sender, role, purpose))

    @rule(sender=anybody, data=data)
    def post(self, sender: str, data: bytes) -> None:
        expected = sender in self.chains and (sender, data) not in self.posts
        assert self.try_to(sender, "post", data) == expected
        self.posts |= {(sender, data)} if expected else set()

    @rule(sender=anybody, patient=patient, data=data, purpose=purpose)
    def request(self, sender: str, patient: str, data: bytes, purpose: int) -> None:
        may = self._may(sender, patient, purpose) and (patient, data) in self.posts - self.open.keys()
        assert self.try_to(sender, "requestAccess", patient, data, purpose) == may
        if may:
            self.open[patient, data] = (sender, purpose)

    @rule(sender=anybody, patient=patient, data=data)
    def retrain(self, sender: str, patient: str, data: bytes) -> None:
        self.made += 1
        model = salted(self.made, bytes(32))
        if self.try_to(sender, "retrained", patient, data, model):
            assert self.open.get((patient, data)) == (sender, RETRAINING)
            assert self._may(sender, patient, RETRAINING)
            assert (patient, data, self.roles[sender]) not in self.ended
            assert patient not in self.waiting
            self.open[patient, data] = ("nobody", RETRAINING)
            self.chains[patient].append(model)
            self.waiting.add(patient)

    @rule(sender=anybody, before=st.integers(0, 3), afterwards=st.integers(0, 3))
    def judge(self, sender: str, before: int, afterwards: int) -> None:
        if self.try_to(sender, "judge", before, afterwards):
            self.waiting.remove(sender)
            if afterwards < before:
                self.chains[sender].pop()

    @rule(sender=anybody, patient=patient, blocks=st.sampled_from([1, BLOCKS + 1]))
    def close(self, sender: str, patient: str, blocks: int) -> None:
        self.it.wait(blocks)
        if self.try_to(sender, "close", patient):
            self.waiting.remove(patient)
            self.chains[patient].pop()

    @invariant()
    def versions_are_what_was_made_and_not_rolled_back(self) -> None:
        for patient, versions in self.chains.items():
            assert list(self.it.call("history", patient)) == versions

    def end(self) -> None:
        """Whoever sleeps: what waits can be closed by a stranger once its time is over, and nothing else."""
        self.it.wait(BLOCKS + 1)
        for patient in self.chains:
            assert self.try_to(STRANGER, "close", patient) == (patient in self.waiting)

    def _may(self, sender: str, patient: str, purpose: int) -> bool:
        role = self.roles.get(sender, NONE)
        return role != NONE and (patient, role, purpose) in self.consents


TestAsking = Asking.TestCase


def _fresh(it: Ward) -> bytes:
    return salted(len(it.ledger.receipts), bytes(32))


class Waiting(Liveness):
    """No version waits for ever for its patient, and none for another's."""

    parties = ("clinic", "ann", "bob", "service")
    repeatable = frozenset({"retrain", "judge"})
    acts: ClassVar = {
        "retrain": lambda it, sender, draw: it.retrained(_fresh(it), _fresh(it), draw(st.sampled_from(["ann", "bob"]))),
        "judge": lambda it, sender, draw: it.send(sender, "judge", draw(st.integers(0, 2)), 1),
    }

    def make(self, draw: Any) -> Ward:
        return Ward()

    def stand(self) -> tuple[int, ...]:
        return (len([name for receipt in self.it.ledger.receipts for name, _ in receipt.events if name == "Granted"]),)

    def deadline(self) -> tuple[int, ...]:
        return tuple(self.it.call("waitsUntil", patient) for patient in ("ann", "bob"))

    def resting(self) -> bool:
        return not any(self.deadline())

    def end_phase(self, sender: str) -> bool:
        return any(accepted(lambda one=one: self.it.send(sender, "close", one)) for one in ("ann", "bob"))


TestWaiting = Waiting.TestCase
