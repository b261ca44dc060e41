"""What was tried against Biscotti: colluding trainers, noisers, verifiers, aggregators, and latecomers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from functools import cache
from typing import Any

import numpy as np
import pytest
from biscotti_federation import STAKE, UNIT, aggregating, collecting, verifying
from exploits import exploit
from papers import preparing

from chainward.methods import verifiable_random
from chainward.methods.committed_noise import Noise
from chainward.methods.secure_sum import Scheme
from chainward.methods.sharing import FIELD, signed
from chainward.methods.vector_commitment import Claim, combined
from chainward.methods.verifiable_random import outcome, prove, public_key
from chainward.methods.verifiable_sum import Added, Collected
from chainward.strategy import discovery
from chainward.testing import states, varied
from chainward.trials.prepare import Trial
from chainward.world import Memory, Site, Update

prepared = preparing("biscotti", hospitals=6, rounds=1, patients=40, features=4)


def whoever(names: Collection[str], **steps: Callable[..., Any]) -> dict[str, Any]:
    """Steps in which some hospitals do otherwise: what they reply is made of what they would have replied."""
    kind = discovery.load("biscotti")

    def changed(name: str, change: Callable[..., Any]) -> Any:
        def local(self: Any, site: Site, memory: Memory, payload: Any) -> tuple[Any, Memory]:
            reply, kept = getattr(kind, name)(self, site, memory, payload)
            return (change(reply) if site.name in names else reply), kept

        return local

    return {name: changed(name, change) for name, change in steps.items()}


@cache
def roles(hospitals: int = 6) -> tuple[tuple[str, ...], ...]:
    """Verifiers, aggregators and trainers of the first iteration."""
    ready = prepared(hospitals)
    chain = ready.world.at(ready.strategy.open(ready.world).contract)
    return (*chain.call("roles"), chain.call("trainers"))


@cache
def honest() -> Any:
    return states(prepared())[-1]


@exploit("biscotti", "a hospital that comes late is checked against a key that it has not yet", outcome="held")
def test_an_honest_latecomer_earns_stake() -> None:
    ready = prepared(faults={"absent": {"hospital 3": [0]}}, params={"sampled": 1.0})
    _, last = states(ready)
    assert (last.accepted["hospital 3"], last.stakes["hospital 3"]) == (1, STAKE + UNIT)


@exploit("biscotti", "one aggregator of three names a single trainer as included", outcome="held")
@pytest.mark.parametrize("seat", [0, 1, 2])
@pytest.mark.parametrize("complains", [False, True])
def test_one_aggregator_leaves_nobody_out(seat: int, complains: bool) -> None:
    """Whether it says that other shares did not come, or shows as bad ones what was not sent."""

    def alone(told: Collected) -> Collected:
        return Collected(told.held[:1], dict.fromkeys(told.held[1:], (b"bad",)) if complains else {})

    _, aggregators, _ = roles()
    strategy = varied("biscotti", **whoever([aggregators[seat]], collect=alone))
    *_, last = states(prepared(strategy=strategy))
    np.testing.assert_array_equal(last.weights, honest().weights)
    assert last.stakes == honest().stakes


@exploit(
    "biscotti",
    "one hospital trains, withholds its share from one aggregator, and as another adds nothing",
    outcome="held",
)
@pytest.mark.parametrize("params", [{}, {"packing": 10}, {"secure_aggregation": False}], ids=str)
def test_one_trainer_that_is_an_aggregator_loses_no_iteration(params: dict[str, Any]) -> None:
    _, aggregators, trainers = roles()
    liar = next(name for name in aggregators if name in trainers)
    victim = next(name for name in aggregators if name != liar)
    withheld = whoever([liar], share=lambda told: {name: own for name, own in told.items() if name != victim})
    silent = whoever([liar], add=lambda _: Added((), ()), show=lambda _: {})
    first, last = states(prepared(params=params, strategy=varied("biscotti", params, **withheld, **silent)))
    assert (last.blocks, last.lost) == (1, 0)
    assert not np.array_equal(last.weights, first.weights)


def test_a_share_that_did_not_come_is_shown_and_all_are_in() -> None:
    _, aggregators, trainers = roles()
    withheld = whoever(trainers[:1], share=lambda told: {name: told[name] for name in aggregators[1:]})
    *_, last = states(prepared(strategy=varied("biscotti", **withheld)))
    np.testing.assert_array_equal(last.weights, honest().weights)


@exploit("biscotti", "one aggregator of three complains of good shares", outcome="held")
@pytest.mark.parametrize("seat", [0, 1, 2])
def test_a_share_that_fits_proves_nothing(seat: int) -> None:
    """It is what was sent, and it fits, so nobody but the complainer is done without."""
    _, aggregators, _ = roles()
    kind = discovery.load("biscotti")

    def collect(self: Any, site: Site, memory: Memory, task: Any) -> tuple[Any, Memory]:
        told, kept = kind.collect(self, site, memory, task)  # type: ignore[attr-defined]
        complaint = Collected(told.held[:1], {name: kept["shares"][name] for name in told.held[1:]})
        return (complaint if site.name == aggregators[seat] else told), kept

    *_, last = states(prepared(strategy=varied("biscotti", collect=collect)))
    np.testing.assert_array_equal(last.weights, honest().weights)


@exploit("biscotti", "two aggregators of three name a single trainer as included", outcome="held")
def test_two_aggregators_get_no_update_out_of_the_third() -> None:
    """It adds up no fewer than half of the accepted, so the iteration is lost, and nobody is alone in a sum."""
    _, aggregators, _ = roles()
    ready = prepared(
        strategy=varied("biscotti", **whoever(aggregators[:2], collect=lambda told: Collected(told.held[:1], {})))
    )
    ask, added = ready.world.ask, {}

    def watched(who: Any, what: Any, *arguments: Any, **others: Any) -> Any:
        replies = ask(who, what, *arguments, **others)
        if what.name == "add":
            added.update(replies.open())
        return replies

    ready.world.ask = watched  # type: ignore[method-assign]
    *_, last = states(ready)
    assert (last.blocks, last.lost, added[aggregators[2]]) == (0, 1, Added((), ()))


@exploit("biscotti", "two aggregators of three seal a model of their own", outcome="held")
def test_two_aggregators_seal_no_model_that_does_not_open_the_commitments() -> None:
    _, aggregators, _ = roles()
    liars = aggregators[:2]
    other = whoever(liars, recover=lambda found: (found[0], found[1] + 1, *found[2:]))
    first, last = states(prepared(strategy=varied("biscotti", **other)))
    np.testing.assert_array_equal(last.weights, first.weights)
    assert (last.blocks, last.lost) == (0, 1)
    assert last.stakes == {name: STAKE - UNIT * (name in liars) for name in first.stakes}


@exploit("biscotti", "two aggregators of three seal a sum of their own", outcome="held")
def test_two_aggregators_seal_no_sum_that_does_not_open_the_commitments() -> None:
    """The model follows from the sum that they tell, but that is not the sum of what was committed to."""
    _, aggregators, _ = roles()
    kind = discovery.load("biscotti")

    def local(self: Any, site: Site, memory: Memory, task: Any) -> tuple[Any, Memory]:
        (names, _, values, blindings), kept = kind.recover(self, site, memory, task)  # type: ignore[attr-defined]
        values = values + 1_000 * (site.name in aggregators[:2])
        return (names, self._updated(memory["model"], values, len(names)), values, blindings), kept

    first, last = states(prepared(strategy=varied("biscotti", recover=local)))
    assert (last.blocks, last.lost) == (0, 1)
    assert sum(last.stakes.values()) == sum(first.stakes.values()) - 2 * UNIT


@exploit("biscotti", "two aggregators of three name updates many times, so that their mean is small", outcome="held")
@pytest.mark.parametrize("alter", [lambda names: names * 1_000, lambda names: names[1:]], ids=["repeated", "fewer"])
def test_two_aggregators_seal_no_mean_of_other_updates_than_are_named_on_chain(alter: Callable[[Any], Any]) -> None:
    _, aggregators, _ = roles()
    kind = discovery.load("biscotti")

    def local(self: Any, site: Site, memory: Memory, task: Any) -> tuple[Any, Memory]:
        (names, _, values, blindings), kept = kind.recover(self, site, memory, task)  # type: ignore[attr-defined]
        names = alter(names) if site.name in aggregators[:2] else names
        return (names, self._updated(memory["model"], values, len(names)), values, blindings), kept

    first, last = states(prepared(strategy=varied("biscotti", recover=local)))
    np.testing.assert_array_equal(last.weights, first.weights)
    assert (last.blocks, last.lost) == (0, 1)
    assert sum(last.stakes.values()) == sum(first.stakes.values()) - 2 * UNIT


@exploit("biscotti", "one aggregator of three, which leads, proposes junk", outcome="held")
def test_a_leader_that_proposes_junk_loses_stake_and_no_iteration() -> None:
    _, aggregators, _ = roles()
    junk = whoever(aggregators[:1], recover=lambda found: (found[0], 0 * found[1], *found[2:]))
    *_, last = states(prepared(strategy=varied("biscotti", **junk)))
    np.testing.assert_array_equal(last.weights, honest().weights)
    assert last.stakes[aggregators[0]] == honest().stakes[aggregators[0]] - UNIT


@exploit("biscotti", "attackers answer first, so that the earliest updates are theirs", outcome="held")
def test_who_answers_first_is_taken_no_sooner() -> None:
    attack = {"kind": "sign_flip", "share": 0.3, "strength": 4.0}
    submitted = []
    for also in ((), ("first_to_answer",)):
        ready = prepared(10, attack={**attack, "also": also})
        states(ready)
        submitted.append({receipt.sender for receipt in ready.world.ledger.receipts if receipt.function == "submit"})
    assert submitted[0] == submitted[1]
    assert len(submitted[0]) == 7


@pytest.mark.parametrize("also", [(), ("first_to_answer",)], ids=["in turn", "first"])
def test_poisoners_of_a_third_lose_stake_whenever_they_answer(also: tuple[str, ...]) -> None:
    attack = {"kind": "sign_flip", "share": 0.3, "strength": 4.0, "also": also}
    ready = prepared(20, attack=attack)
    _, last = states(ready)
    assert sum(last.accepted[name] for name in ready.attackers) == 0
    assert sum(last.rejected[name] for name in ready.attackers) >= 3


@exploit("biscotti", "a trainer makes proofs until one draws its accomplice as noiser", outcome="held")
def test_a_draw_cannot_be_ground(monkeypatch: pytest.MonkeyPatch) -> None:
    secret, scalar = bytes(range(32)), verifiable_random._scalar
    found, proofs = set(), set()
    for salt in range(20):
        monkeypatch.setattr(
            verifiable_random,
            "_scalar",
            lambda data, salt=salt: scalar(data + bytes([salt]) * data.startswith(b"nonce")),
        )
        proof = prove(secret, b"iteration 1")
        proofs.add(proof)
        found.add(outcome(public_key(secret), b"iteration 1", proof))
    assert (len(proofs), len(found), None in found) == (20, 1, False)
    monkeypatch.undo()
    for shift in range(1, 4):
        assert {outcome(public_key(secret), b"iteration 1", one) for one in shifted(secret, shift)} == {None}


def shifted(secret: bytes, shift: int) -> list[bytes]:
    """Proofs of another Gamma: one would hold without Gamma in the challenge, one without what is announced for it."""
    x, nonce, base = verifiable_random._scalar(secret), 7, verifiable_random._BASE
    point = combined([base], [x])
    target, own = verifiable_random._hashed(point, b"iteration 1"), combined([base], [nonce])
    gamma = combined([target, base], [x, shift])
    other = combined([target, base], [nonce, shift])  # announced so that Gamma is what is left
    unbound = verifiable_random._challenge(point, target, own, other)
    late = combined([target, base], [x, -shift * pow(unbound, -1, FIELD)])
    forms = {
        late: unbound,
        gamma: verifiable_random._challenge(point, target, gamma, own),
    }
    tries = [*forms.items(), (gamma, verifiable_random._challenge(point, target, gamma, own, other))]
    tries.append((gamma, verifiable_random._challenge(point, target, own)))
    return [
        point + one + challenge.to_bytes(32, "big") + ((nonce + challenge * x) % FIELD).to_bytes(32, "big")
        for one, challenge in tries
    ]


ODD: dict[str, tuple[int, str, Callable[[Any], Any]]] = {  # by whom, in which step, what in place of its reply
    "names nobody knows": (1, "recover", lambda found: (("nobody", *found[0]), *found[1:])),
    "one name often": (1, "recover", lambda found: (found[0][:1] * 9, *found[1:])),
    "sums of another length": (1, "recover", lambda found: (*found[:2], found[2][:-1], found[3])),
    "no opening": (1, "recover", lambda found: (*found[:3], b"")),
    "complaints of nobody": (1, "collect", lambda told: Collected(("nobody",), {"nobody": (), "nowhere": (b"",)})),
    "sums of nobody": (1, "add", lambda told: Added(("nobody",), ())),
    "approved and refused": (0, "verify", lambda told: (told[0] + told[1], told[0] + told[1])),
    "votes for nobody": (0, "verify", lambda told: (("nobody",), ("nobody", "nowhere"))),
    "noisers nobody knows": (2, "begin", lambda told: told._replace(noisers=("nobody",))),
    "another key": (2, "begin", lambda told: told._replace(key=bytes(32))),
    "points of another length": (2, "commit", lambda told: (b"", b"x" * 65)),
    "no proof that noise is short": (2, "bound", lambda told: told._replace(proof=None)),
    "noise of other points": (2, "bound", lambda told: told._replace(points=(b"x",))),
    "shares for nobody": (2, "share", lambda told: {"nobody": next(iter(told.values()))}),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("params", [{}, {"verification": False}, {"secure_aggregation": False}], ids=str)
def test_what_has_the_form_and_makes_no_sense_ends_no_trial(odd: str, params: dict[str, Any]) -> None:
    role, step, change = ODD[odd]

    def told(reply: Any) -> Any:
        return None if reply is None else change(reply)

    ready = prepared(
        params=params, rounds=2, strategy=varied("biscotti", params, **whoever(roles()[role][:1], **{step: told}))
    )
    *_, last = states(ready)
    assert last.blocks + last.lost == 2


# --- poison under noise -------------------------------------------------------------------------


@cache
def pair(hospitals: int) -> tuple[str, str]:
    """A trainer of the first iteration, and a noiser that it draws and no other trainer does."""
    ready = prepared(hospitals)
    ask, drew = ready.world.ask, {}

    def watched(who: Any, what: Any, *arguments: Any, **others: Any) -> Any:
        replies = ask(who, what, *arguments, **others)
        if what.name == "begin":
            drew.update({name: own.noisers for name, own in replies.open().items()})
        return replies

    ready.world.ask = watched  # type: ignore[method-assign]
    states(ready)
    trainers = roles(hospitals)[2]
    drawn = [noiser for trainer in trainers for noiser in drew[trainer]]
    return next((one, noiser) for one in trainers for noiser in drew[one] if drawn.count(noiser) == 1)


def colluding(hospitals: int, poison: Any, monkeypatch: pytest.MonkeyPatch) -> Trial:
    """A trial in which a trainer adds poison, in units, and its noiser fixed the opposite as its noise."""
    kind, (trainer, noiser), rows = discovery.load("biscotti"), pair(hospitals), Noise.rows
    accomplice = hashlib.sha256(poison.tobytes()).digest()  # what commits to a seed's noise is kept from test to test

    def opposite(self: Noise, seed: bytes) -> Any:
        return self.scheme.blinded(-poison, np.random.default_rng(0)) if seed == accomplice else rows(self, seed)

    def begin(self: Any, site: Site, memory: Memory, block: Any) -> tuple[Any, Memory]:
        if site.name == noiser and not block["iteration"]:
            site.rng = _Fixed(site.rng, accomplice)  # type: ignore[assignment]
        return kind.begin(self, site, memory, block)  # type: ignore[attr-defined]

    def commit(self: Any, site: Site, memory: Memory, update: Update) -> tuple[Any, Memory]:
        if site.name == trainer:
            update = update._replace(weights=(update.weights + poison / self.precision).astype(np.float32))
        return kind.commit(self, site, memory, update)  # type: ignore[attr-defined]

    monkeypatch.setattr(Noise, "rows", opposite)
    return prepared(hospitals, strategy=varied("biscotti", begin=begin, commit=commit))


class _Fixed:
    """Randomness of an accomplice: its secret is as before, the seed of its first noise is given."""

    def __init__(self, rng: np.random.Generator, seed: bytes) -> None:
        self.drawn = [rng.bytes(32), seed]

    def bytes(self, _: int) -> bytes:
        return self.drawn.pop(0)


def parameters() -> int:
    return int(prepared().world.network.parameters)


@exploit("biscotti", "one trainer and one noiser of twenty put any poison through", outcome="held")
@pytest.mark.parametrize("strength", [20, 1_000])
def test_noise_that_is_the_opposite_of_a_poison_is_too_long(strength: int, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer, _ = pair(20)
    poison = np.full(parameters(), strength * 600, dtype=np.int64)
    _, last = states(colluding(20, poison, monkeypatch))
    assert (last.blocks, last.accepted[trainer]) == (1, 0)
    assert sum(last.accepted.values()) >= 5


def test_but_for_the_bound_any_poison_would_go_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it is the bound which holds in the test before."""
    trainer, _ = pair(20)
    poison = np.full(parameters(), 20 * 601, dtype=np.int64)
    monkeypatch.setattr(Noise, "claims", lambda self, fixed, chance: [Claim([0, 0], [bytes(64)], [1])])
    _, last = states(colluding(20, poison, monkeypatch))
    assert last.accepted[trainer] == 1


@exploit("biscotti", "one trainer and one noiser hide a poison that is no longer than noise", outcome="succeeds")
def test_a_poison_as_long_as_noise_hides_under_it(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer, _ = pair(20)
    deviation = discovery.build("biscotti", {}).numbers(20)["sigma"] * 10_000 / 2
    poison = np.full(parameters(), round(deviation), dtype=np.int64)
    _, last = states(colluding(20, poison, monkeypatch))
    assert last.accepted[trainer] == 1


@exploit("biscotti", "a trainer says that it drew all noisers, to take their noise off others' updates", outcome="held")
def test_noisers_give_noise_to_those_alone_who_drew_them() -> None:
    kind, liar = discovery.load("biscotti"), roles()[2][0]
    drew, asked, got = set[str](), set[str](), set[str]()

    def begin(self: Any, site: Site, memory: Memory, block: Any) -> tuple[Any, Memory]:
        told, kept = kind.begin(self, site, memory, block)  # type: ignore[attr-defined]
        if site.name == liar and block["iteration"]:
            drew.update(told.noisers)
            told = told._replace(noisers=tuple(name for name in site.hospitals if name != liar))
            asked.update(told.noisers)
        return told, kept

    def mask(self: Any, site: Site, memory: Memory, task: Any) -> tuple[Any, Memory]:
        if site.name == liar:
            got.update(site.read(task["given"], bytes, sealed=True))
        return kind.mask(self, site, memory, task)  # type: ignore[attr-defined]

    states(prepared(strategy=varied("biscotti", begin=begin, mask=mask)))
    assert got == drew < asked


@exploit("biscotti", "noisers give no noise to those who drew them", outcome="succeeds")
def test_noisers_that_refuse_keep_others_from_being_taken_at_no_cost() -> None:
    refusing = ["hospital 01", "hospital 02", "hospital 03"]
    *_, last = states(prepared(10, strategy=varied("biscotti", **whoever(refusing, noise=lambda _: {}))))
    assert last.blocks == 1
    assert sum(last.accepted.values()) < 5
    assert min(last.stakes.values()) >= STAKE - UNIT
    assert all(last.stakes[name] >= STAKE for name in refusing if not last.rejected[name])


# --- committees ---------------------------------------------------------------------------------


@exploit("biscotti", "one verifier of three approves accomplices only", outcome="held")
def test_one_lying_verifier_decides_nothing() -> None:
    federation = verifying(verifiers=3).vote(0b110, 0b110, 0b001)
    assert (federation.call("accepted"), federation.call("rejected")) == (0b110, 0b001)


@exploit("biscotti", "two verifiers of three approve accomplices only", outcome="succeeds")
def test_two_lying_verifiers_decide_everything() -> None:
    federation = verifying(verifiers=3).vote(0b001, 0b001, 0b110)
    assert (federation.call("accepted"), federation.call("rejected")) == (0b001, 0b110)


@exploit("biscotti", "two aggregators of three put their shares of one update together", outcome="succeeds")
def test_two_aggregators_read_an_update() -> None:
    scheme, vector = Scheme(2), np.arange(-3, 4)
    rows = scheme.polynomials(vector, np.random.default_rng(0))
    one, other = ([sum(c * x**k for k, c in enumerate(column)) for column in zip(*rows, strict=True)] for x in (1, 2))
    np.testing.assert_array_equal(signed([2 * a - b for a, b in zip(one, other, strict=True)][1:]), vector)


@exploit("biscotti", "the leader is silent", outcome="held")
def test_a_silent_leader_costs_a_phase_and_no_iteration() -> None:
    federation = aggregating().late().close()
    first, second, third = federation.adders
    federation.propose(0b111).endorse(0b111, names=[third]).check()
    assert (federation.call("iteration"), federation.stakes[first] >= STAKE) == (2, True)
    assert second != first


@exploit("biscotti", "a peer with almost all stake makes the draw dearer than a block", outcome="held")
@pytest.mark.parametrize("seats", [3, 10])
def test_skewed_stakes_cost_a_draw_no_more_gas(seats: int) -> None:
    """Drawing again until somebody else is found took up to 72 M gas."""
    peers = [f"p{number:02}" for number in range(20)]
    federation = collecting(peers=peers, aggregators=seats, wanted=20, verifiers=1, terms=0, stake=1, unit=6_000)
    spent = []
    for _ in range(12):
        rich = max(federation.trainers, key=federation.stakes.__getitem__)
        bit = 1 << federation.trainers.index(rich)
        federation.submit().vote(bit, refused=[0]).propose(bit)
        federation.endorse(bit, names=federation.followers[: seats // 2])
        spent.append(federation.ledger.receipts[-1].gas)
    assert max(federation.stakes.values()) > 10_000 * sorted(federation.stakes.values())[12]
    assert max(spent) < 800_000


@exploit("biscotti", "without secure_aggregation a trainer shows another update than it gives", outcome="succeeds")
def test_without_commitments_what_is_shown_is_not_what_is_added() -> None:
    """Nothing ties what verifiers see to what aggregators get."""
    _, _, (liar, *_) = roles()
    params, kind = {"secure_aggregation": False, "sampled": 1.0}, discovery.load("biscotti")

    def commit(self: Any, site: Site, memory: Memory, update: Update) -> tuple[Any, Memory]:
        told, kept = kind.commit(self, site, memory, update)  # type: ignore[attr-defined]
        if site.name != liar:
            return told, kept
        poisoned = update._replace(weights=update.weights + 50)
        points, other = kind.commit(self, site, memory, poisoned)  # type: ignore[attr-defined]
        return points, {**kept, "poisoned": other["rows"]}

    def share(self: Any, site: Site, memory: Memory, seats: Any) -> tuple[Any, Memory]:
        return kind.share(self, site, {**memory, "rows": memory.get("poisoned", memory["rows"])}, seats)  # type: ignore[attr-defined]

    strategy = varied("biscotti", params, commit=commit, share=share)
    first, last = states(prepared(params=params, strategy=strategy))
    assert last.accepted[liar] == 1
    assert np.abs(last.weights - first.weights).max() > 5
