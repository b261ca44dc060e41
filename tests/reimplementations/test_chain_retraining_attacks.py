"""Attacks on patient-specific retraining: who gets at records, what bad ones do, and what a service may do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from chain_retraining_runs import FOUR, KEY, functions, models, played, prepared, probability, retraining_by
from exploits import exploit
from papers import STRANGER, module
from test_chain_retraining_contract import BLOCKS, CLASSIFIER, ENDLESS, RETRAINING, A, B, C, Ward

from chainward.methods.content import content_id
from chainward.testing import states, varied
from chainward.trials.prepare import Trial
from chainward.world import Memory, Reverted, Site

CID = content_id(bytes(32))  # there is nothing under it


def errors(ready: Trial, own: dict[str, Any], names: tuple[str, ...] = FOUR) -> float:
    """The mean squared error of the models of some sites, on their test patients."""
    found = [
        probability(ready.strategy, own[one.name], one.test.features) - one.test.labels
        for one in ready.dataset.hospitals
        if one.name in names
    ]
    return float(np.square(np.concatenate(found)).mean())


@exploit(KEY, "half of the sites flip all labels of what they give for the base", outcome="succeeds")
def test_flipped_labels_spoil_the_base_for_everybody() -> None:
    honest, flipped = (prepared(rounds=0, attack=attack) for attack in ({}, {"kind": "label_flip", "share": 0.5}))
    bases = [models(ready, states(ready)[0]) for ready in (honest, flipped)]
    others = tuple(name for name in FOUR if name not in flipped.attackers)
    assert errors(honest, bases[1], others) > errors(honest, bases[0], others) + 0.02


@exploit(KEY, "a site flips labels, those it judges by too", outcome="succeeds")
def test_a_flipper_keeps_models_that_its_own_flipped_labels_praise() -> None:
    """They are judged by the labels they were made of, so validation does not fall."""
    attack = {"kind": "label_flip", "share": 0.25}
    ready = prepared(attack=attack, params={"retraining": 20, "retraining_rate": 0.02})
    before, (*_, last) = played(ready)
    (liar,) = ready.attackers
    assert last.kept[liar] > 0
    after = models(ready, last)
    assert errors(ready, after, (liar,)) > errors(ready, before, (liar,)) + 0.05


def spoiled(change: Any, liar: str = FOUR[0], **params: Any) -> Trial:
    """A trial in which the gateway of one site hands over something else than its records, before they are hashed."""
    kind = module(KEY)

    def arrive(self: Any, site: Site, memory: Memory, newest: Any) -> Any:
        if site.name != liar:
            return kind.ChainRetraining._arrive(self, site, memory, newest)

        class Gateway:
            def __getattr__(self, name: str) -> Any:
                return getattr(site, name)

            @property
            def train(self) -> Any:
                return change(site.train)

        return kind.ChainRetraining._arrive(self, Gateway(), memory, newest)

    return prepared(strategy=varied(KEY, {"retraining": 20, "retraining_rate": 0.02, **params}, _arrive=arrive))


class Records:
    def __init__(self, features: Any, labels: Any) -> None:
        self.features, self.labels = features, labels

    def __len__(self) -> int:
        return len(self.labels)


@exploit(KEY, "a gateway flips the labels of what it releases, and the site judges by true ones", outcome="held")
def test_true_labels_that_were_held_back_roll_flipped_ones_back() -> None:
    ready = spoiled(lambda train: Records(train.features, 1 - train.labels))
    before, (*_, last) = played(ready)
    assert last.rolled_back[FOUR[0]] > last.kept[FOUR[0]]
    after = models(ready, last)
    assert errors(ready, after, FOUR[:1]) < errors(ready, before, FOUR[:1]) + 0.05


@exploit(KEY, "a site gives records with features as large as can be read", outcome="held")
def test_the_largest_features_move_no_more_than_other_extremes() -> None:
    ready = spoiled(lambda train: Records(np.full_like(train.features, 1e9), train.labels))
    *_, last = states(ready)
    assert all(np.isfinite(own).all() and np.abs(own).max() < 100 for own in models(ready, last).values())


@exploit(KEY, "a site releases other records than it posted the hash of", outcome="held")
def test_what_is_not_what_was_posted_is_not_trained_on() -> None:
    """The base is that of the others alone, and the liar's model stays what it is."""
    found = []

    def other(records: Any) -> Any:
        found.append(len(records["labels"]))
        return {"features": records["features"][::-1].copy(), "labels": records["labels"]}

    kind = module(KEY)
    release = kind._release

    def lying(site: Site, memory: Memory, nothing: Any) -> Any:
        (records, salt), memory = release(site, memory, nothing)
        return (other(records) if site.name == FOUR[0] else records, salt), memory

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kind, "_release", lying)
        ready = prepared()
        first, *_, last = states(ready)
    assert found
    assert last.models[FOUR[0]] == first.models[FOUR[0]]
    assert last.kept[FOUR[0]] + last.rolled_back[FOUR[0]] == 0
    assert sum(last.kept.values()) > 0


@exploit(KEY, "a site publishes what cannot be read", outcome="held")
def test_what_cannot_be_read_holds_up_nobody_else() -> None:
    ready = prepared(attack={"kind": "malformed", "share": 0.25, "form": "mistyped"})
    *_, last = states(ready)
    (liar,) = ready.attackers
    assert last.kept[liar] == 0
    assert all(last.kept[name] + last.rolled_back[name] > 0 for name in FOUR if name != liar)


@exploit(KEY, "a site is silent when it must judge its model", outcome="held")
def test_a_model_that_nobody_judges_does_not_stand_and_holds_up_nobody() -> None:
    ready = prepared(attack={"kind": "silent", "share": 0.25})
    first, *_, last = states(ready)
    (liar,) = ready.attackers
    assert last.models[liar] == first.models[liar]
    assert all(last.kept[name] + last.rolled_back[name] > 0 for name in FOUR if name != liar)
    ward = Ward().retrained(patient="ann").retrained(data=B, model=C, patient="bob")
    ward.does("bob", "judge", 1, 1).wait(BLOCKS + 1).does(STRANGER, "close", "ann")
    assert (ward.call("history", "ann"), ward.call("history", "bob")) == ((), (C,))


@exploit(KEY, "a site says of every new model that it is best", outcome="held")
def test_who_praises_each_model_keeps_its_own_and_moves_nobody_elses() -> None:
    honest, lying = (prepared(attack=attack) for attack in ({}, {"kind": "false_score", "share": 0.25}))
    (liar,) = lying.attackers
    ends = [models(ready, states(ready)[-1]) for ready in (honest, lying)]
    *_, last = states(prepared(attack={"kind": "false_score", "share": 0.25}))
    assert last.rolled_back[liar] == 0
    assert {name for name in FOUR if ends[0][name].tobytes() == ends[1][name].tobytes()} >= set(FOUR) - {liar}


def refused(ward: Ward, reason: str, sender: str = "service", data: bytes = A, function: str = "requestAccess") -> None:
    last = RETRAINING if function == "requestAccess" else C
    with pytest.raises(Reverted, match=reason):
        ward.send(sender, function, "ann", data, last)


@exploit(KEY, "somebody without a role asks for records", outcome="held")
def test_who_has_no_role_gets_nothing() -> None:
    ward = Ward().does("ann", "grant", CLASSIFIER, RETRAINING, ENDLESS).does("ann", "post", A)
    refused(ward, "no role", STRANGER)
    refused(ward, "no role", "bob")


@exploit(KEY, "a classifier asks once a consent has run out or was taken back", outcome="held")
def test_a_consent_that_is_over_opens_nothing() -> None:
    ward = Ward().does("ann", "grant", CLASSIFIER, RETRAINING, 9).does("ann", "post", A).wait(12)
    refused(ward, "no grant")
    ward.does("ann", "grant", CLASSIFIER, RETRAINING, ENDLESS).does("ann", "revoke", CLASSIFIER, RETRAINING)
    refused(ward, "no grant")


@exploit(KEY, "a classifier records a model with an access whose consent was taken back meanwhile", outcome="held")
def test_an_access_ends_with_its_consent() -> None:
    ward = Ward().granted().does("ann", "revoke", CLASSIFIER, RETRAINING)
    refused(ward, "no grant", function="retrained")


@exploit(KEY, "a classifier uses an access from before a consent was taken back, once there is another", outcome="held")
def test_an_access_does_not_come_back_with_another_consent() -> None:
    ward = Ward().granted().does("ann", "revoke", CLASSIFIER, RETRAINING)
    ward.does("ann", "grant", CLASSIFIER, RETRAINING, ENDLESS)
    refused(ward, "taken back since", function="retrained")
    refused(ward, "already granted")
    assert ward.retrained(data=B, model=C).call("history", "ann") == (C,)


@exploit(KEY, "a classifier uses a grant a second time", outcome="held")
def test_a_grant_is_good_for_one_model() -> None:
    ward = Ward().judged(1, 1)
    refused(ward, "already granted")
    refused(ward, "already retrained", function="retrained")


@exploit(KEY, "somebody else records a model with a classifier's access", outcome="held")
def test_an_access_is_its_requesters() -> None:
    ward = Ward().does("clinic", "assign", "rival", CLASSIFIER).granted()
    refused(ward, "no access", "rival", function="retrained")


@exploit(KEY, "a site posts another's hash before it does", outcome="held")
def test_a_hash_is_posted_for_oneself_alone() -> None:
    ward = Ward().does("bob", "post", A).granted()
    assert ward.call("accesses", "ann", A)[0] == "service"


@exploit(KEY, "a classifier keeps records after the consent was taken back", outcome="succeeds")
def test_what_was_released_once_cannot_be_taken_back() -> None:
    """The base goes on holding what it learned of a site that takes its consent back, and so does every copy."""
    ready = prepared()
    first = ready.strategy.open(ready.world)
    before = models(ready, first)[FOUR[0]]
    ready.world.begin(1)
    chain = ready.world.at(first.contract)
    for purpose in (0, 1):
        chain.send("revoke", CLASSIFIER, purpose, sender=FOUR[0])
    state = ready.strategy.round(first, ready.world)
    held = ready.world.engine.held(first.classifier, first.models[FOUR[0]])
    assert held.tobytes() == before.tobytes()
    assert state.models[FOUR[1]]


@exploit(KEY, "a classifier records a model that it did not train", outcome="succeeds")
def test_a_classifier_may_give_out_any_model_that_validation_does_not_find_worse() -> None:
    """Here it gives back the one before, a hair apart: the contract sees a hash."""
    ready = retraining_by(lambda site, weights: weights, params={"retraining": 0})
    first, *_, last = states(ready)
    assert sum(last.kept.values()) == functions(ready).count("retrained") > 0
    assert last.models != first.models


@exploit(KEY, "a classifier gives out a worse model", outcome="held")
def test_a_worse_model_does_not_stand() -> None:
    ready = retraining_by(lambda site, weights: -50 * weights)
    first, *_, last = states(ready)
    assert last.models == first.models


@pytest.mark.parametrize("said", [{"nobody": CID}, {FOUR[0]: CID}, "?"], ids=["who", "cid", "?"])
def test_a_classifier_that_names_whom_nobody_asked_for_or_says_nothing_sound_ends_nothing(said: Any) -> None:
    """A content id with nothing under it is recorded, and its site finds it worse than what stands."""

    def retrain(self: Any, site: Site, memory: Memory, task: Any) -> tuple[Any, Memory]:
        return said, memory

    first, *_, last = states(prepared(strategy=varied(KEY, {}, _retrain=retrain)))
    assert last.models == first.models
    assert sum(last.kept.values()) == 0
