"""2CP: the contracts by hand and against random callers, the strategy against identities, cheats and absences."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from rounds import states

from chainward import tasks
from chainward.ledgers.consensus import Periodic
from chainward.ledgers.evm import EvmLedger
from chainward.methods.aggregation import mean
from chainward.methods.content import content_id
from chainward.plans.specification import Specification
from chainward.strategy import discovery
from chainward.testing.small import completed, run_small
from chainward.trials.prepare import Trial, prepare
from chainward.world import FIT, Kind, Memory, Query, Reverted, Site, Update

SOURCE = Path(__file__).parents[2] / "contracts" / "src" / "TwoCP.sol"
ONE, WINDOW, COMMITTING, REVEALING = 10**18, 10, 0, 1
NOBODY = "0x" + 40 * "0"
ALICE, STRANGER = "alice", "stranger"
SALT = b"\x05" * 32


def module() -> Any:
    return sys.modules[discovery.load("two_cp").__module__]


def named(text: str) -> bytes:
    """A digest that can be told apart."""
    return text.encode().rjust(32, b"\0")


# --- the contracts -----------------------------------------------------------------------------------------------


@dataclass
class Protocol:
    """A crowdsource of trainers a, b, ... and alice, or a consortium of them, and whatever a test has them do."""

    trainers: Sequence[str] = "ab"
    evaluator: str = ALICE
    now: float = 0.0
    ledger: EvmLedger = field(init=False)
    address: str = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = EvmLedger(Periodic())
        arguments = [self.evaluator, list(self.trainers), WINDOW]
        self.address = self.ledger.deploy("TwoCP", arguments, "founder", 0, self.now).address

    def send(self, sender: str, function: str, *arguments: Any) -> Any:
        return self.ledger.send(self.address, function, arguments, sender, 0, self.now)

    def call(self, function: str, *arguments: Any) -> Any:
        return self.ledger.call(self.address, function, arguments, None, self.now)

    def late(self, blocks: int = WINDOW + 1) -> Protocol:
        self.now = self.ledger.wait(blocks, self.now)
        return self

    def commit(self, trainer: str, digest: bytes, run: int = 0, by: str = "") -> Protocol:
        """Commit to an update, under the domain of `trainer`, sent by another where named."""
        sealed = module().sealed(self.call("domain", run, trainer), SALT, digest)
        self.send(by or trainer, "commit", [run], [sealed])
        return self

    def reveal(self, trainer: str, digest: bytes, run: int = 0) -> Protocol:
        self.send(trainer, "reveal", [run], [SALT], [digest])
        return self

    def close(self, run: int = 0) -> Protocol:
        self.send(STRANGER, "close", [run])
        return self

    def score(self, evaluator: str, tokens: Mapping[bytes, int], run: int = 0) -> Protocol:
        self.send(evaluator, "setTokens", run, list(tokens), list(tokens.values()))
        return self

    def play(self, digests: Mapping[str, bytes], run: int = 0) -> Protocol:
        """One round in which everybody named takes part, and all others are late."""
        for act in (self.commit, self.reveal):
            for trainer, digest in digests.items():
                act(trainer, digest, run)
            if act == self.commit and self.call("waiting", COMMITTING)[0]:
                self.late().close(run)
        return self


def consortium(trainers: str = "abc") -> Protocol:
    protocol = Protocol(trainers, NOBODY)
    for trainer in trainers:
        protocol.send("founder", "addAux", trainer)
    return protocol


A, B, C = named("A"), named("B"), named("C")


def test_a_round_by_hand() -> None:
    protocol = Protocol().play({"a": A, "b": B}).score(ALICE, {A: 3, B: 0})
    assert protocol.call("updates", 0, 1) == (("a", "b"), (A, B))
    assert [protocol.call("countTokens", name) for name in ("a", "b", STRANGER)] == [3, 0, 0]
    assert protocol.call("rounds") == (2,)
    protocol.play({"a": C}).score(ALICE, {C: ONE})
    assert protocol.call("countTokens", "a") == ONE + 3
    assert protocol.call("rounds") == (3,)


def test_events_tell_it_all() -> None:
    protocol = Protocol("a").play({"a": A}).score(ALICE, {A: 5})
    told = [list(receipt.events) for receipt in protocol.ledger.receipts]
    assert [[name for name, _ in events] for events in told] == [
        ["RunOpened"],
        ["Committed"],
        ["Revealed", "RoundEnded"],
        ["TokensSet"],
    ]
    assert told[1][0][1] == {"run": 0, "round": 1, "trainer": "a"}
    assert told[3][0][1] == {"run": 0, "trainer": "a", "digest": A, "amount": 5}


def test_a_consortium_counts_tokens_over_all_its_runs() -> None:
    """Everybody earns from the runs of the others; the main run earns nobody anything."""
    protocol = consortium()
    protocol.play({"b": B, "c": C}, 1).score("a", {B: 1, C: 10}, 1)
    protocol.play({"a": A, "c": C}, 2).score("b", {A: 100, C: 1000}, 2)
    protocol.play({"a": A, "b": B, "c": C})
    assert [protocol.call("countTokens", name) for name in "abc"] == [100, 1, 1010]
    assert [protocol.call("auxiliaryOf", name) for name in "abc"] == [1, 2, 3]
    assert protocol.call("rounds") == (2, 2, 2, 1)


def test_a_round_ends_early_once_all_updates_are_in_and_else_by_deadline() -> None:
    protocol = Protocol().commit("a", A)
    assert protocol.call("waiting", COMMITTING) == ((0,), (protocol.ledger.receipts[-1].block + WINDOW,))
    protocol.late().close()
    assert protocol.call("waiting", REVEALING)[0] == (0,)
    assert protocol.reveal("a", A).call("rounds") == (2,)
    protocol.commit("a", B).commit("b", C)
    assert protocol.call("waiting", REVEALING)[0] == (0,)
    assert protocol.reveal("a", B).late().late().close().call("rounds") == (3,)
    assert protocol.call("updates", 0, 2) == (("a",), (B,))


def test_runs_begun_together_have_one_time_to_reveal_whether_complete_or_not() -> None:
    protocol = consortium("ab").commit("a", A, 0).commit("a", A, 2)
    protocol.late().close()
    which, deadlines = protocol.call("waiting", REVEALING)
    assert which == (0, 2)
    assert deadlines[1] - deadlines[0] <= 1
    protocol.reveal("a", A, 0).reveal("a", A, 2)
    assert protocol.call("rounds") == (2, 1, 2)


def test_the_deadlines_block_is_still_in_time() -> None:
    protocol = Protocol("abc").commit("a", A)
    (deadline,) = protocol.call("waiting", COMMITTING)[1]
    protocol.late(deadline - 1 - protocol.ledger.block(protocol.now)).commit("b", B)
    assert protocol.ledger.receipts[-1].block == deadline


def test_a_copied_commitment_cannot_be_opened_and_a_copied_update_earns_nothing() -> None:
    protocol = Protocol().commit("a", A).commit("a", A, by="b").reveal("a", A)
    with pytest.raises(Reverted, match="somebody's update"):
        protocol.reveal("b", A)
    protocol.late().late().close().score(ALICE, {A: 7})
    assert [protocol.call("countTokens", name) for name in "ab"] == [7, 0]


Attempt = Callable[[], Any]


def revealing() -> Protocol:
    return Protocol().commit("a", A).commit("b", B)


def over() -> Protocol:
    return revealing().reveal("a", A).reveal("b", B)


def opened_twice() -> None:
    protocol = over().commit("a", C).commit("b", named("D"))
    protocol.reveal("a", A)


def past_the_protocol() -> None:
    ledger = EvmLedger(Periodic())
    address = ledger.deploy("Crowdsource", [ALICE, 2, WINDOW], "maker", 0, 0.0).address
    acts = {"commit": ("a", A), "reveal": ("a", SALT, A), "close": (), "setTokens": (ALICE, A, 1)}
    refused = []
    for function, arguments in acts.items():
        with pytest.raises(Reverted) as error:
            ledger.send(address, function, arguments, ALICE, 0, 0.0)
        refused.append(error.value)
    assert len(refused) == 4
    assert {each.reason for each in refused} == {"not the protocol"}
    raise refused[0]


def uneven(function: str, *arguments: Any) -> Attempt:
    return lambda: Protocol().send("a", function, *arguments)


REFUSALS: list[tuple[str, Attempt]] = [
    ("not the protocol", past_the_protocol),
    ("trainer listed twice", lambda: Protocol("aba")),
    ("evaluators do not train", lambda: Protocol("ab", "a")),
    ("evaluators do not train", lambda: consortium().commit("a", A, 1)),
    ("not the phase", lambda: revealing().commit("a", C)),
    ("not the phase", lambda: Protocol().commit("a", A).reveal("a", A)),
    ("too late", lambda: Protocol().commit("a", A).late().commit("b", B)),
    ("too late", lambda: revealing().late().late().reveal("a", A)),
    ("already committed", lambda: Protocol().commit("a", A).commit("a", B)),
    ("nothing committed", lambda: Protocol().commit("a", A).late().close().reveal("b", B)),
    ("nothing committed", lambda: revealing().reveal(STRANGER, C)),
    ("already revealed", lambda: revealing().reveal("a", A).reveal("a", C)),
    ("somebody's update", lambda: revealing().reveal("a", A).reveal("b", A)),
    ("somebody's update", opened_twice),
    ("commitment not opened", lambda: revealing().reveal("a", C)),
    ("commitment not opened", lambda: Protocol().commit("a", A).commit("a", A, by="b").reveal("b", A)),
    ("nobody has begun", lambda: Protocol().late().close()),
    ("nobody has begun", lambda: over().late().close()),
    ("still open", lambda: Protocol().commit("a", A).close()),
    ("still open", lambda: revealing().close()),
    ("not the evaluator", lambda: over().score("a", {A: 1})),
    ("not the evaluator", lambda: consortium().play({"b": B, "c": C}, 1).score("b", {C: 1}, 1)),
    ("not the evaluator", lambda: consortium().play({"a": A, "b": B, "c": C}).score("a", {B: 1})),
    ("nobody's update", lambda: over().score(ALICE, {C: 1})),
    ("round not over", lambda: revealing().reveal("a", A).score(ALICE, {A: 1})),
    ("already scored", lambda: over().score(ALICE, {A: 0}).score(ALICE, {A: 1})),
    ("more than all of a loss", lambda: over().score(ALICE, {A: ONE + 1})),
    ("not the founder", lambda: Protocol("ab", NOBODY).send("a", "addAux", "a")),
    ("not a consortium", lambda: Protocol().send("founder", "addAux", "a")),
    ("not a trainer", lambda: Protocol("ab", NOBODY).send("founder", "addAux", STRANGER)),
    ("not a trainer", lambda: Protocol().commit(STRANGER, A)),
    ("already has a run", lambda: consortium().send("founder", "addAux", "a")),
    ("nobody else would train", lambda: Protocol("a", NOBODY).send("founder", "addAux", "a")),
    ("lengths differ", uneven("commit", [0], [])),
    ("lengths differ", uneven("reveal", [0], [], [A])),
    ("lengths differ", uneven("reveal", [0], [SALT], [])),
    ("lengths differ", lambda: over().send(ALICE, "setTokens", 0, [A], [])),
]


@pytest.mark.parametrize(("reason", "act"), REFUSALS, ids=lambda value: value if isinstance(value, str) else "")
def test_refusals(reason: str, act: Attempt) -> None:
    with pytest.raises(Reverted) as refused:
        act()
    assert refused.value.reason == reason


def test_every_refusal_of_the_contracts_is_tested() -> None:
    written = set(re.findall(r'require\(.*, "(.*)"\);', SOURCE.read_text(encoding="utf-8")))
    assert written == {reason for reason, _ in REFUSALS}
    assert all(len(reason) <= 31 for reason in written)


class Earning(RuleBasedStateMachine):
    """Anybody calls anything: tokens are those set by the evaluator of an ended round, once an update, in all runs."""

    @initialize(several=st.booleans())
    def begin(self, several: bool) -> None:
        self.protocol = consortium() if several else Protocol("abc")
        self.scorers = [NOBODY, *"abc"] if several else [ALICE]
        self.secrets: dict[tuple[str, int], bytes] = {}
        self.due: dict[tuple[int, bytes], tuple[str, int]] = {}
        self.made = 0

    def attempt(self, act: Attempt) -> bool:
        try:
            act()
        except Reverted:
            return False
        return True

    anybody = st.sampled_from([*"abc", ALICE, STRANGER])
    run = st.integers(0, 3)

    @rule(sender=st.sampled_from("abc"), run=run, old=st.sampled_from([False, False, True]))
    def commit(self, sender: str, run: int, old: bool) -> None:
        run %= len(self.scorers)
        self.made += not old
        digest = named(f"{run} {self.made}")  # an old one is another's or one's own
        if self.attempt(lambda: self.protocol.commit(sender, digest, run)):
            self.secrets[sender, run] = digest

    @rule(sender=st.sampled_from("abc"), run=run)
    def reveal(self, sender: str, run: int) -> None:
        run %= len(self.scorers)
        self.attempt(lambda: self.protocol.reveal(sender, self.secrets.get((sender, run), C), run))

    @rule(run=run, blocks=st.sampled_from([1, WINDOW + 1]))
    def close(self, run: int, blocks: int) -> None:
        self.protocol.late(blocks)
        self.attempt(lambda: self.protocol.close(run % len(self.scorers)))

    @rule(sender=anybody, run=run, honest=st.booleans(), amount=st.integers(0, ONE + 1))
    def score(self, sender: str, run: int, honest: bool, amount: int) -> None:
        run %= len(self.scorers)
        sender = self.scorers[run] if honest and self.scorers[run] != NOBODY else sender
        open_round = self.protocol.call("rounds")[run]
        for number in range(1, open_round + 1):
            for trainer, digest in zip(*self.protocol.call("updates", run, number), strict=True):
                right = sender == self.scorers[run] and number < open_round and amount <= ONE
                expected = right and (run, digest) not in self.due
                assert self.attempt(lambda d=digest: self.protocol.score(sender, {d: amount}, run)) == expected
                if expected:
                    self.due[run, digest] = (trainer, amount)

    @invariant()
    def tokens_are_what_was_set(self) -> None:
        if hasattr(self, "protocol"):
            for name in (*"abc", ALICE, STRANGER):
                owed = sum(amount for trainer, amount in self.due.values() if trainer == name)
                assert self.protocol.call("countTokens", name) == owed

    def teardown(self) -> None:
        """Nothing can lock a run: two deadlines later every one waits for nobody."""
        if hasattr(self, "protocol"):
            for run in range(len(self.scorers)):
                for _ in range(2):
                    self.protocol.late(2 * WINDOW)
                    self.attempt(lambda r=run: self.protocol.close(r))
            assert [self.protocol.call("waiting", phase)[0] for phase in (COMMITTING, REVEALING)] == [(), ()]


TestEarning = Earning.TestCase
TestEarning.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


# --- the strategy ------------------------------------------------------------------------------------------------


def two_cp(**params: Any) -> Any:
    return discovery.build("two_cp", params)


def varied(params: Mapping[str, Any] | None = None, **replaced: Any) -> Any:
    """The strategy with some of its methods replaced."""
    return type("Varied", (discovery.load("two_cp"),), replaced)(**(params or {}))


def prepared(hospitals: int = 4, rounds: int = 2, strategy: Any = None, **others: Any) -> Trial:
    params = {"hospitals": hospitals, "patients": 60}
    specification = Specification("two_cp", "synthetic", 0, rounds, others.pop("params", {}), params, **others)
    ready = prepare(specification, tasks.load("synthetic", **params).dataset(0))
    return ready if strategy is None else replace(ready, strategy=strategy)


CONSORTIUM = {"setting": "consortium"}
BOTH = pytest.mark.parametrize("params", [{}, CONSORTIUM], ids=["crowdsource", "consortium"])


class Desk:
    """An evaluator's side with one patient, of whom model (x,) predicts x; the truth is 1."""

    def __init__(self) -> None:
        self.rng, self.train = np.random.default_rng(0), self
        self.features, self.labels = np.zeros((1, 1)), np.ones(1)

    def predict(self, models: Any, _: Any) -> Any:
        return np.asarray(models, dtype=np.float64)

    def work(self, _: float) -> None:
        pass


GLOBAL = np.array([0.5], np.float32)
MODELS = np.array([[0.75], [1.0], [0.25], [0.5]], np.float32)


def test_step_scores_by_hand() -> None:
    """L is (1 - x)^2: 0.25 before; 0.0625, 0, 0.5625 and 0.25 after."""
    assert two_cp().values(Desk(), GLOBAL, MODELS) == pytest.approx([0.1875, 0.25, -0.3125, 0.0])


@pytest.mark.parametrize(("players", "limit"), [(1, 8), (2, 8), (4, 8), (4, 2)])
def test_shapley_values_sum_to_what_all_take_off(players: int, limit: int) -> None:
    """v(all) - v(empty), with v(empty) = 0, sampled or exact."""
    values = two_cp(method="shapley", exact_players=limit, orders=3).values(Desk(), GLOBAL, MODELS[:players])
    assert values.sum() == pytest.approx(0.25 - (1 - MODELS[:players].mean()) ** 2)


def test_shapley_of_two_by_hand() -> None:
    """v(0) = .1875, v(1) = .25, v(01) = .25 - .125^2."""
    both = 0.25 - 0.125**2
    expected = [(0.1875 + both - 0.25) / 2, (0.25 + both - 0.1875) / 2]
    assert two_cp(method="shapley").values(Desk(), GLOBAL, MODELS[:2]) == pytest.approx(expected)


@pytest.mark.parametrize("method", ["step", "shapley"])
def test_a_prediction_that_is_not_a_number_is_wrong_and_leaves_others_their_values(method: str) -> None:
    models = np.array([[np.nan], [1.0]], np.float32)
    lost, good = two_cp(method=method).values(Desk(), GLOBAL, models)
    assert lost < 0 < good


@pytest.mark.parametrize("method", ["step", "shapley"])
def test_equal_models_have_equal_values(method: str) -> None:
    values = two_cp(method=method).values(Desk(), GLOBAL, np.full((4, 1), 0.75, np.float32))
    assert np.ptp(values) == pytest.approx(0, abs=1e-12)
    assert values.min() > 0


def test_negative_and_lost_updates_get_no_tokens() -> None:
    def values(*_: Any) -> Any:
        return np.array([-0.5, 0.25])

    models = [[1.0], [np.nan], [2.0]]

    class Reading(Desk):
        def fetch(self, cid: str) -> Any:
            return Update(np.array(models[by_cid.index(cid)], np.float32), 1, 0.0)

    digests = (A, B, C)
    by_cid = [content_id(digest) for digest in digests]
    tokens, _ = varied(values=values).score(Reading(), {}, (GLOBAL, digests))
    assert tokens == (0, 0, ONE // 4)


def test_the_model_is_the_mean_without_weights() -> None:
    fedavg = Specification("fedavg", "synthetic", 0, 2, {"weighted": False}, {"hospitals": 4, "patients": 60})
    plain = prepare(fedavg, tasks.load("synthetic", **fedavg.task_params).dataset(0))
    for params in ({}, {"method": "shapley"}):
        for ours, theirs in zip(states(prepared(params=params))[1:], states(plain)[1:], strict=True):
            np.testing.assert_allclose(ours.weights[0], theirs.weights, rtol=0, atol=1e-7)
        plain = prepare(fedavg, tasks.load("synthetic", **fedavg.task_params).dataset(0))


@BOTH
def test_shares_are_those_of_the_tokens_on_chain(params: dict[str, str]) -> None:
    ready = prepared(params=params)
    *_, last = states(ready)
    tokens = {name: ready.world.at(last.contract).call("countTokens", name) for name in ready.world.hospitals}
    found = ready.strategy.outcomes(last)
    assert last.tokens == tokens
    assert found["share"] == {name: value / sum(tokens.values()) for name, value in tokens.items()}
    assert found["tokens"] == {name: value / ONE for name, value in tokens.items()}
    assert min(tokens.values()) > 0
    assert all(receipt.succeeded for receipt in ready.world.ledger.receipts)


def test_a_consortium_is_scored_by_one_another_alone() -> None:
    """Each hospital scores its own run, none the main one, and a run is trained by all but who scores it."""
    ready = prepared(3, 1, params=CONSORTIUM)
    *_, last = states(ready)
    contract = ready.world.at(last.contract)
    everybody = set(ready.world.hospitals)
    for run, evaluator in enumerate(last.evaluators):
        assert set(contract.call("updates", run, 1)[0]) == everybody - {evaluator}
    set_by = [receipt for receipt in ready.world.ledger.receipts if receipt.function == "setTokens"]
    assert {(e["run"], receipt.sender) for receipt in set_by for _, e in receipt.events} == {
        (run, f"hospital {run}") for run in (1, 2, 3)
    }
    assert len({weights.tobytes() for weights in last.weights}) == 4
    assert ready.world.meter.raw_records == 0


def test_what_one_evaluator_gives_moves_the_others_shares_and_not_its_own_tokens() -> None:
    kind = discovery.load("two_cp")

    def score(self: Any, site: Site, memory: Memory, task: Any) -> Any:
        tokens, memory = kind.score(self, site, memory, task)  # type: ignore[attr-defined]
        return (tuple(0 for _ in tokens) if site.name == "hospital 1" else tokens), memory

    *_, honest = states(prepared(rounds=1, params=CONSORTIUM))
    *_, stingy = states(prepared(rounds=1, strategy=varied(CONSORTIUM, score=score)))
    assert stingy.tokens["hospital 1"] == honest.tokens["hospital 1"] > 0
    assert all(stingy.tokens[name] < honest.tokens[name] for name in honest.tokens if name != "hospital 1")


@pytest.mark.parametrize(("params", "share"), [({}, 1.0), (CONSORTIUM, 0.0)])
def test_one_hospital(params: dict[str, str], share: float) -> None:
    ready = prepared(1, params=params)
    assert ready.strategy.outcomes(states(ready)[-1])["share"] == {"hospital 1": share}


@BOTH
def test_a_free_rider_earns_nothing(params: dict[str, str]) -> None:
    ready = prepared(params=params, attack={"kind": "free_rider", "share": 0.25})
    *_, last = states(ready)
    (idle,) = ready.attackers
    assert last.tokens[idle] < 1e-6 * sum(last.tokens.values())


def test_two_that_publish_the_same_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def same(site: Site, memory: Memory, update: Update) -> tuple[Update, Memory]:
        copied = Update(np.zeros_like(update.weights), 1, 0.0)
        return (copied if site.name in ("hospital 1", "hospital 3") else update), memory

    monkeypatch.setattr(module(), "FIT", FIT.then(Query("same", Kind.UPDATE, same)))
    ready = prepared()
    *_, last = states(ready)
    contract = ready.world.at(last.contract)
    assert contract.call("updates", 0, 1)[0] == ("hospital 1", "hospital 2", "hospital 4")
    assert contract.call("updates", 0, 2)[0] == ("hospital 2", "hospital 4")
    assert last.tokens["hospital 3"] == 0


@BOTH
def test_content_ids_stay_hidden_until_everybody_has_committed(params: dict[str, str]) -> None:
    ready = prepared(3, 1, params=params)
    states(ready)
    blocks = {
        name: [r.block for r in ready.world.ledger.receipts if r.function == name] for name in ("commit", "reveal")
    }
    assert max(blocks["commit"]) < min(blocks["reveal"])
    salts = [salt for name in ready.world.hospitals for _, salt, _ in _memory(ready, name)["secrets"]]
    assert len(set(salts)) == len(salts)


def _memory(ready: Trial, name: str) -> Any:
    return ready.world.engine.snapshot()["memories"][name]


def test_a_model_that_is_not_finite_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(site: Site, memory: Memory, update: Update) -> tuple[Update, Memory]:
        return update._replace(weights=update.weights * np.nan) if site.name == "hospital 2" else update, memory

    monkeypatch.setattr(module(), "FIT", FIT.then(Query("spoil", Kind.UPDATE, spoil)))
    ready = prepared()
    *_, last = states(ready)
    assert np.isfinite(last.weights[0]).all()
    assert last.tokens["hospital 2"] == 0 < last.tokens["hospital 1"]


def test_a_round_nobody_comes_to_keeps_the_earlier_model() -> None:
    ready = prepared(3, faults={"absent": {f"hospital {number}": [2] for number in (1, 2, 3)}})
    _, first, second = states(ready)
    assert second == first


@BOTH
def test_who_is_away_is_passed_over(params: dict[str, str]) -> None:
    """Its update is missing, and in a consortium the tokens it would have set."""
    ready = prepared(3, params=params, faults={"absent": {"hospital 2": [1]}})
    _, first, second = states(ready)
    contract = ready.world.at(second.contract)
    assert contract.call("updates", 0, 1)[0] == ("hospital 1", "hospital 3")
    assert contract.call("updates", 0, 2)[0] == ready.world.hospitals
    assert first.tokens["hospital 2"] == 0 < first.tokens["hospital 3"]
    scored = [r.sender for r in ready.world.ledger.receipts if r.function == "setTokens"]
    assert len(scored) == (2 + 3 if params else 2)
    assert set(contract.call("rounds")) == {3}


@BOTH
def test_reveals_after_the_deadline_are_not_sent(params: dict[str, str]) -> None:
    ready = prepared(3, 1, params=params)
    ask = ready.world.ask

    def slow(who: Any, what: Any, *arguments: Any, **others: Any) -> Any:
        if what.name == "reveal":
            ready.world.chain.wait(400)
        return ask(who, what, *arguments, **others)

    ready.world.ask = slow  # type: ignore[method-assign]
    first, last = states(ready)
    assert set(last.tokens.values()) == {0}
    np.testing.assert_array_equal(last.weights[0], first.weights[0])
    assert set(ready.world.at(last.contract).call("rounds")) == {2}


def test_the_updates_are_those_in_the_contract() -> None:
    ready = prepared(3, 1)
    *_, last = states(ready)
    _, digests = ready.world.at(last.contract).call("updates", 0, 1)
    models = [Update(*ready.world.fetch(content_id(digest))).weights for digest in digests]
    np.testing.assert_array_equal(last.weights[0], mean(models))


def test_set_up_gas_of_a_consortium_is_a_line() -> None:
    gas = []
    for hospitals in (2, 3, 4, 5):
        ready = prepared(hospitals, 0, params=CONSORTIUM)
        states(ready)
        gas.append(sum(receipt.gas for receipt in ready.world.ledger.receipts))
    steps = np.diff(gas)
    assert np.ptp(steps) < 1e-3 * steps.mean()
    assert steps.mean() > 500_000


@pytest.mark.parametrize("absent", [{}, {"hospital 1": []}, {"hospital 6": [2]}])
def test_a_consortium_is_a_trial_like_others(absent: dict[str, list[int]]) -> None:
    record = completed(run_small("two_cp", params=CONSORTIUM, faults={"absent": absent}))
    assert record.facts.sees_individual_updates == "everyone"
    assert record.facts.raw_records_shared == 0
    assert sum(record.outcomes["share"].values()) == pytest.approx(1)


def test_the_record_holds_runs_and_orders() -> None:
    assert two_cp().numbers(20) == {"runs": 1, "trainers": 20, "orders": 0}
    assert two_cp(setting="consortium", method="shapley").numbers(6) == {"runs": 7, "trainers": 5, "orders": 0}
    assert two_cp(method="shapley").numbers(20)["orders"] == 200


def test_nothing_earned_is_a_share_of_nothing() -> None:
    state = module().State((GLOBAL,), "", ("",), {"a": 0})
    assert two_cp().outcomes(state) == {"share": {"a": 0.0}, "tokens": {"a": 0.0}}
    assert two_cp().model(state) is GLOBAL
