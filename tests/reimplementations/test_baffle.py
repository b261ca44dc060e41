"""BAFFLE: the contract against hand vectors and an oracle, the strategy against its identities, cheats and absences."""

from __future__ import annotations

import itertools
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from eth_utils.crypto import keccak
from rounds import states

from chainward import tasks
from chainward.ledgers.consensus import Periodic
from chainward.ledgers.evm import EvmLedger
from chainward.methods.packing import fixed_point, floating_point, joined, packed, slots, unpacked
from chainward.plans.specification import Specification
from chainward.strategy import Strategy, discovery
from chainward.trials.prepare import Trial, prepare
from chainward.world import FIT, HospitalAbsent, Memory, Reverted, Site, Update

SOURCE = Path(__file__).parents[2] / "contracts" / "src" / "Baffle.sol"
PATIENCE, MILLION = 10, 1_000_000
STRANGER = "stranger"
Numbers = Sequence[int]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small only lose by sharing their work among threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def module() -> Any:
    return sys.modules[discovery.load("baffle").__module__]


# --- the contract ------------------------------------------------------------------------------------------------


def score(values: Numbers, standing: Numbers) -> int:
    return math.isqrt(sum((a - b) ** 2 for a, b in zip(values, standing, strict=True)))


@dataclass
class Federation:
    """A contract with hospitals a, b, c, ...; `models` holds what each that bid would upload."""

    hospitals: Sequence[str] = ("a", "b", "c")
    weights: int = 16
    chunk_slots: int = 1
    winners: int = 1
    budget: int = 2
    training: int = 1
    ledger: EvmLedger = field(default_factory=lambda: EvmLedger(Periodic()))
    models: dict[str, Numbers] = field(default_factory=dict)
    now: float = 0.0
    address: str = ""

    def deploy(self) -> Federation:
        sizes = (self.weights, self.chunk_slots, self.winners, self.budget, self.training, PATIENCE)
        self.address = self.ledger.deploy("Baffle", [self.hospitals, *sizes], "founder", 0, self.now).address
        return self

    def send(self, sender: str, function: str, *arguments: Any) -> Any:
        return self.ledger.send(self.address, function, arguments, sender, 0, self.now)

    def call(self, function: str, *arguments: Any) -> Any:
        return self.ledger.call(self.address, function, arguments, None, self.now)

    def wait(self, blocks: int = PATIENCE + 1) -> Federation:
        self.now = self.ledger.wait(blocks, self.now)
        return self

    def fill(self, values: Numbers | None = None) -> Federation:
        first = [0] * self.weights if values is None else values
        self.send("founder", "fill", slots(packed(np.array(first, dtype=np.int32))))
        return self.wait(self.training)

    @property
    def model(self) -> list[int]:
        return unpacked(joined(self.call("model")), self.weights).tolist()

    def chunks(self, values: Numbers) -> list[Numbers]:
        size = 8 * self.chunk_slots
        return [values[start : start + size] for start in range(0, len(values), size)]

    def hashes(self, values: Numbers) -> list[bytes]:
        return [keccak(packed(np.array(chunk, dtype=np.int32))) for chunk in self.chunks(values)]

    def commitment(self, name: str, values: Numbers) -> bytes:
        place = [*self.hospitals, STRANGER].index(name) + 1
        return keccak(place.to_bytes(2, "big") + b"".join(self.hashes(values)))

    def bid(self, name: str, values: Numbers, only: Sequence[int] | None = None, lie: int = 0) -> Federation:
        """Bid for the chunks `only` (all), with scores off by `lie`."""
        pairs = zip(self.chunks(values), self.chunks(self.model), strict=True)
        wanted = [score(*pair) + 1 + lie if only is None or k in only else 0 for k, pair in enumerate(pairs)]
        self.send(name, "bid", slots(packed(np.array(wanted, dtype=np.uint64))), self.commitment(name, values))
        self.models[name] = values
        return self

    def accept(self) -> Federation:
        self.send("anybody", "accept")
        return self

    def won(self, name: str) -> int:
        names, which = self.call("accepted")
        return int(which[names.index(name)])

    def upload(self, name: str, which: int | None = None, values: Numbers | None = None) -> Any:
        """Upload the chunks won, or `which`, of the model bid for, or of `values` in its place."""
        mask = self.won(name) if which is None else which
        chosen = [
            chunk
            for k, chunk in enumerate(self.chunks(self.models[name] if values is None else values))
            if mask >> k & 1
        ]
        data = b"".join(packed(np.array(chunk, dtype=np.int32)) for chunk in chosen)
        return self.send(name, "upload", mask, self.hashes(self.models[name]), slots(data))

    def aggregate(self) -> Federation:
        self.send("anybody", "aggregate")
        return self.wait(self.training)

    def round(self, models: Mapping[str, Numbers], order: Sequence[str] | None = None) -> Federation:
        """A whole round in which everybody bids for all chunks; uploads come in `order`."""
        for name, values in models.items():
            self.bid(name, values)
        self.accept()
        for name in order or self.hospitals:
            if self.won(name):
                self.upload(name)
        return self.aggregate()


def padded(*values: int, size: int = 16) -> list[int]:
    return [*values, *[0] * (size - len(values))]


def running_mean(values: Sequence[Numbers]) -> list[int]:
    """g_k := g_k + (w_k - g_k) / j in whole numbers, the division towards zero, by the paper's formula."""
    mean = list(values[0])
    for j, model in enumerate(values[1:], 2):
        mean = [g + int(math.copysign(abs(w - g) // j, w - g)) for g, w in zip(mean, model, strict=True)]
    return mean


@pytest.mark.parametrize(("winners", "expected"), [(1, (3.0, 4.0)), (2, (1.5, 2.5))])
def test_hand_vector(winners: int, expected: tuple[float, float]) -> None:
    """Global 0; (3, 4) and (0, 1) have scores 5 and 1: b = 1 keeps (3, 4), b = 2 the mean."""
    federation = Federation(("a", "b"), 2, winners=winners, budget=1).deploy().fill()
    far, near = (3 * MILLION, 4 * MILLION), (0, MILLION)
    assert (score(far, (0, 0)), score(near, (0, 0))) == (5 * MILLION, MILLION)
    federation.round({"a": near, "b": far})
    assert tuple(value / MILLION for value in federation.model) == expected


def test_eight_weights_a_slot_and_its_ends() -> None:
    extremes = [2**31 - 1, -(2**31), -1, 0, 1, 7, -7, 2**30, 5]
    federation = Federation(("a",), 9, budget=2).deploy().fill(extremes)
    assert federation.model == extremes
    turned = [-1 - value for value in extremes]
    assert federation.round({"a": turned}).model == turned


def test_of_equal_bids_the_earlier_registered_wins_whoever_bid_first() -> None:
    federation = Federation().deploy().fill()
    for name, sign in (("c", 1), ("b", -1)):
        federation.bid(name, padded(sign * 5))
    federation.bid("a", padded(4)).accept()
    assert [federation.won(name) for name in "abc"] == [0b10, 0b01, 0]  # nobody changed the second chunk


def test_best_bids_of_each_chunk_win() -> None:
    federation = Federation().deploy().fill()
    federation.bid("a", padded(9, 0, 0, 0, 0, 0, 0, 0, 1)).bid("b", padded(1, 0, 0, 0, 0, 0, 0, 0, 9))
    federation.bid("c", padded(5, 0, 0, 0, 0, 0, 0, 0, 5), only=[0]).accept()
    assert [federation.won(name) for name in "abc"] == [0b01, 0b10, 0]


@pytest.mark.parametrize("seed", range(4))
def test_rank_and_mean_against_an_oracle_round_after_round(seed: int) -> None:
    """Random models and few distinct scores, some silent: b best by score then place, mean of those who upload."""
    rng = np.random.default_rng(seed)
    names = [f"h{number}" for number in range(6)]
    federation = Federation(names, 29, chunk_slots=2, winners=2, budget=2).deploy()
    expected = rng.integers(-MILLION, MILLION, 29).tolist()
    federation.fill(expected)
    for _ in range(4):
        before = federation.chunks(expected)
        models = {name: (np.array(expected) + rng.integers(-2, 3, 29)).tolist() for name in names if rng.random() < 0.8}
        for name, values in models.items():
            federation.bid(name, values)
        federation.wait().accept()
        silent = {name for name in names if rng.random() < 0.2}
        winners = [_winners(federation, models, k, chunk) for k, chunk in enumerate(before)]
        for name in names:
            assert federation.won(name) == sum(1 << k for k, won in enumerate(winners) if name in won)
            if federation.won(name) and name not in silent:
                federation.upload(name)
        federation.wait().aggregate()
        written = [[federation.chunks(models[n])[k] for n in won if n not in silent] for k, won in enumerate(winners)]
        merged = [running_mean(new) if new else old for new, old in zip(written, before, strict=True)]
        expected = [value for chunk in merged for value in chunk]
        assert federation.model == expected


def _winners(federation: Federation, models: Mapping[str, Numbers], k: int, standing: Numbers) -> list[str]:
    """The best bidders for a chunk, in the order of registration."""
    order = sorted(models, key=lambda name: -score(federation.chunks(models[name])[k], standing))
    return [name for name in federation.hospitals if name in order[: federation.winners]]


def test_mean_is_off_by_less_than_a_unit_an_upload_whatever_the_order() -> None:
    rng = np.random.default_rng(0)
    names = [f"h{number}" for number in range(7)]
    models = {name: rng.integers(-(2**31), 2**31, 8).tolist() for name in names}
    exact = np.mean(list(models.values()), axis=0)
    found = []
    for order in (names, names[::-1]):
        federation = Federation(names, 8, winners=7, budget=1).deploy().fill()
        found.append(federation.round(models, order).model)
        assert found[-1] == running_mean([models[name] for name in order])
        assert np.abs(np.array(found[-1]) - exact).max() <= len(names) - 1
    assert found[0] != found[1]
    assert np.abs(np.array(found[0]) - found[1]).max() <= len(names) - 1


def test_whole_number_vector_of_the_running_mean() -> None:
    """10, 13, 20 give 14 (not 14.33), and 20, 13, 10 give 15."""
    assert running_mean([[10], [13], [20]]) == [14]
    assert running_mean([[20], [13], [10]]) == [15]
    models = {"a": padded(10), "b": padded(13), "c": padded(20)}
    for order, expected in (("abc", 14), ("cba", 15)):
        federation = Federation(winners=3).deploy().fill().round(models, order)
        assert federation.model[0] == expected


def test_chunks_nobody_bids_for_are_unchanged() -> None:
    federation = Federation().deploy().fill([7] * 16)
    for name in "abc":
        federation.bid(name, [9] * 16, only=[1])
    federation.accept().upload("a")
    assert federation.aggregate().model == [7] * 8 + [9] * 8


def test_without_a_budget_the_model_is_frozen() -> None:
    federation = Federation(budget=0).deploy().fill([7] * 16)
    for name in "abc":
        federation.bid(name, [9] * 16, only=[])
    assert federation.accept().aggregate().model == [7] * 16


def test_unchanged_chunk_bid_for_counts_in_the_mean() -> None:
    """A score of 0 is a bid, and not the same as none."""
    federation = Federation(winners=3).deploy().fill()
    federation.round({"a": padded(8), "b": padded(0), "c": padded(4)})
    assert federation.model == padded(4)


def test_model_does_not_change_before_the_round_is_closed() -> None:
    """Else the scores of later uploads would be held against another model than they were bid on."""
    federation = Federation(winners=3).deploy().fill([1] * 16)
    for name, value in zip("abc", (50, 60, 70), strict=True):
        federation.bid(name, [value] * 16)
    federation.accept()
    for name in "abc":
        federation.upload(name)
        assert federation.model == [1] * 16
    assert federation.aggregate().model == [60] * 16


def test_chunks_can_come_in_several_transactions() -> None:
    federation = Federation(("a",)).deploy().fill().bid("a", [3] * 16).accept()
    federation.upload("a", 0b10)
    assert (federation.won("a"), federation.call("outstanding")) == (0b01, 1)
    federation.upload("a", 0b01)
    assert federation.aggregate().model == [3] * 16


def test_who_does_not_bid_or_upload_is_passed_over_after_the_deadline() -> None:
    federation = Federation().deploy().fill()
    federation.bid("a", [9] * 16).bid("b", [5] * 16).wait().accept().wait().aggregate()
    assert federation.model == [0] * 16  # a won and was silent
    assert (federation.won("a"), federation.call("outstanding")) == (0, 0)
    for name in "bc":
        federation.bid(name, [5] * 16)
    federation.wait().accept()
    assert federation.won("a") == 0  # what it won a round ago is void
    federation.upload("b")
    assert federation.aggregate().model == [5] * 16


def test_phases_follow_one_another() -> None:
    federation = Federation(("a",), training=3).deploy()
    phases = [federation.call("phase")]
    federation.send("founder", "fill", (0, 0))
    phases.append(federation.call("phase"))
    phases.append(federation.wait(3).call("phase"))
    phases.append(federation.bid("a", [1] * 16).accept().call("phase"))
    federation.upload("a")
    phases.append(federation.aggregate().call("phase"))
    assert phases == [0, 1, 2, 3, 2]
    assert federation.call("round") == 2


def test_events_tell_the_round() -> None:
    federation = Federation(("a", "b")).deploy().fill()
    federation.bid("a", [2] * 16).bid("b", [1] * 16)
    accepted = federation.send("anybody", "accept").events
    uploaded = federation.upload("a").events
    closed = federation.send("anybody", "aggregate").events
    assert accepted == (("BidsAccepted", {"round": 1, "hospital": "a", "which": 0b11}),)
    assert uploaded == (("ChunksUploaded", {"round": 1, "hospital": "a", "which": 0b11}),)
    assert [name for name, _ in closed] == ["RoundClosed", "RoundStarted"]
    assert closed[0][1] == {"round": 1, "uploads": 0x0101}


def test_gas_of_uploads_is_proportional_to_accepted_chunks() -> None:
    """Of N = 8 hospitals b = 2 write: a quarter of what all writing costs; in a third round, so that no slot is new."""
    names = [f"h{number}" for number in range(8)]
    gas = {}
    for winners in (2, 8):
        federation = Federation(names, 2048, chunk_slots=64, winners=winners, budget=4).deploy().fill()
        for number in range(1, 4):
            federation.round({name: [number * (place + 2)] * 2048 for place, name in enumerate(names)})
        uploads = [receipt.gas for receipt in federation.ledger.receipts if receipt.function == "upload"]
        assert len(uploads) == 3 * winners
        gas[winners] = sum(uploads[-winners:])
    assert gas[2] / gas[8] == pytest.approx(2 / 8, rel=0.1)


def test_every_comparison_that_is_allowed_fits_into_a_block() -> None:
    names = [f"h{number}" for number in range(111)]
    federation = Federation(names, 64, winners=55, budget=8).deploy().fill()
    for place, name in enumerate(names):
        federation.bid(name, [place + 1] * 64)
    assert federation.send("anybody", "accept").gas < 20 * MILLION
    assert [federation.won(name) > 0 for name in names] == [place >= 56 for place in range(111)]


def test_whoever_is_far_away_wins() -> None:
    """The check keeps scores honest, not models good: on the card."""
    federation = Federation(("honest", "also honest", "poisoner"), winners=1).deploy().fill()
    federation.round({"honest": [5] * 16, "also honest": [6] * 16, "poisoner": [-60] * 16})
    assert federation.model == [-60] * 16


# --- refusals ----------------------------------------------------------------------------------------------------


def bidding(**sizes: Any) -> Federation:
    return Federation(**sizes).deploy().fill()


def uploading(lie: int = 0, **sizes: Any) -> Federation:
    """a has won both chunks, with scores off by `lie`."""
    federation = bidding(**sizes)
    size = federation.weights
    federation.bid("a", padded(9, 3, *[0] * 6, 9, 3, size=size)[:size], lie=lie)
    return federation.bid("b", [1] * size).bid("c", [1] * size).accept()


def raw_upload(federation: Federation, sender: str = "a", hashes: Any = None, values: Any = None) -> None:
    model = federation.models["a"]
    data = slots(packed(np.array(model if values is None else values, dtype=np.int32)))
    federation.send(sender, "upload", 0b11, federation.hashes(model) if hashes is None else hashes, data)


def with_padding(values: Numbers) -> Federation:
    """Nine weights in two slots; what is in the seven places after the last was bid for as well."""
    federation = bidding(hospitals=("a",), weights=9)
    whole = np.array(values, dtype=np.int32)
    hashes = [keccak(packed(part)) for part in (whole[:8], whole[8:])]
    scores = [score(part.tolist(), [0] * 8) + 1 for part in (whole[:8], whole[8:])]
    committed = keccak((1).to_bytes(2, "big") + b"".join(hashes))
    federation.send("a", "bid", slots(packed(np.array(scores, dtype=np.uint64))), committed)
    federation.accept().send("a", "upload", 0b11, hashes, slots(packed(whole)))
    return federation.aggregate()


def scores(*values: int) -> tuple[int, ...]:
    return slots(packed(np.array(values, dtype=np.uint64)))


def training() -> Federation:
    """The first model is complete, and it is two blocks too early to bid."""
    federation = Federation(training=3).deploy()
    federation.send("founder", "fill", (0, 0))
    return federation


def twice(federation: Federation) -> None:
    federation.upload("a", 0b01)
    federation.upload("a", 0b01)


def copied() -> None:
    """b bids the scores and the commitment it saw a bid, and uploads what it saw a upload."""
    federation = bidding(winners=2).bid("a", [5] * 16)
    federation.send("b", "bid", scores(*[score([5] * 8, [0] * 8) + 1] * 2), federation.commitment("a", [5] * 16))
    federation.bid("c", [1] * 16).accept().upload("a")
    raw_upload(federation, "b")


def won_before() -> None:
    federation = uploading().wait().aggregate()
    for name in "bc":
        federation.bid(name, [1] * 16)
    federation.wait().accept()
    raw_upload(federation)


REFUSALS: list[tuple[str, Callable[[], Any]]] = [
    ("no weights or empty chunks", lambda: Federation(weights=0).deploy()),
    ("no weights or empty chunks", lambda: Federation(chunk_slots=0).deploy()),
    ("more than 32 chunks", lambda: Federation(weights=257).deploy()),
    ("not a number of winners", lambda: Federation(winners=0).deploy()),
    ("not a number of winners", lambda: Federation(winners=4).deploy()),
    ("more than 255 winners", lambda: Federation([f"h{n}" for n in range(256)], 8, winners=256, budget=1).deploy()),
    ("too many bids to compare", lambda: Federation([f"h{n}" for n in range(112)], 64, winners=56).deploy()),
    ("budget above all chunks", lambda: Federation(budget=3).deploy()),
    ("listed twice", lambda: Federation(("a", "b", "a")).deploy()),
    ("not the founder", lambda: Federation().deploy().send("a", "fill", (0, 0))),
    ("not filling", lambda: bidding().send("founder", "fill", (0,))),
    ("more than the model", lambda: Federation().deploy().send("founder", "fill", (0, 0, 0))),
    ("padding is not zero", lambda: Federation(weights=9).deploy().send("founder", "fill", (0, 1))),
    ("not bidding", lambda: Federation().deploy().send("a", "bid", scores(1, 1), bytes(32))),
    ("not bidding", lambda: training().send("a", "bid", scores(1, 1), bytes(32))),
    ("not bidding", lambda: training().accept()),
    ("not bidding", lambda: uploading().send("b", "bid", scores(1, 1), bytes(32))),
    ("not a hospital", lambda: bidding().bid(STRANGER, [1] * 16)),
    ("already bid", lambda: bidding().bid("a", [1] * 16).bid("a", [2] * 16)),
    ("a score a chunk", lambda: bidding().send("a", "bid", (0, 0), bytes(32))),
    ("a score a chunk", lambda: bidding().send("a", "bid", (), bytes(32))),
    ("over the budget", lambda: bidding(budget=1).bid("a", [1] * 16)),
    ("over the budget", lambda: bidding(budget=1).bid("a", padded(1))),  # a bid with a score of 0 is one too
    ("not bidding", lambda: uploading().accept()),
    ("bids may still come", lambda: bidding().bid("a", [1] * 16).bid("b", [1] * 16).accept()),
    ("not uploading", lambda: bidding().bid("a", [1] * 16).upload("a", 0b11)),
    ("nothing to upload", lambda: uploading().upload("a", 0)),
    ("no accepted bid", lambda: uploading().upload("b", 0b01)),
    ("no accepted bid", lambda: raw_upload(uploading(), STRANGER)),
    ("no accepted bid", lambda: twice(uploading())),
    ("no accepted bid", lambda: uploading().upload("a", 0b111)),
    ("no accepted bid", won_before),
    ("a hash a chunk", lambda: raw_upload(uploading(), hashes=[bytes(32)])),
    ("not what was committed", lambda: raw_upload(uploading(), hashes=[bytes(32)] * 2)),
    ("not what was committed", copied),
    ("chunk too short", lambda: raw_upload(uploading(), values=padded(9, 3, size=8))),
    ("chunk too long", lambda: raw_upload(uploading(), values=padded(9, 3, *[0] * 6, 9, 3, size=24))),
    ("not the chunk bid for", lambda: uploading().upload("a", values=[9] * 16)),
    ("padding is not zero", lambda: with_padding([1] * 8 + [1, 9999, 0, 0, 0, 0, 0, 0])),
    ("score is not the distance", lambda: uploading(lie=1).upload("a")),
    ("score is not the distance", lambda: uploading(lie=-1).upload("a")),
    ("score is not the distance", lambda: uploading(lie=2**62).upload("a")),
    ("not uploading", lambda: bidding().aggregate()),
    ("uploads may still come", lambda: uploading().aggregate()),
    ("uploads may still come", lambda: bidding().bid("a", [1] * 16).wait().accept().aggregate()),
]


@pytest.mark.parametrize(("reason", "act"), REFUSALS)
def test_refusals(reason: str, act: Callable[[], Any]) -> None:
    with pytest.raises(Reverted) as refused:
        act()
    assert refused.value.reason == reason


def test_every_refusal_of_the_contract_is_tested() -> None:
    written = re.findall(r'require\(.*, "(.*)"\);', SOURCE.read_text(encoding="utf-8"))
    tested = [reason for reason, _ in REFUSALS]
    assert set(written) == set(tested)
    assert all(tested.count(reason) >= written.count(reason) for reason in written)
    assert all(len(reason) <= 31 for reason in written)


def test_padding_of_zeros_is_taken() -> None:
    assert with_padding([1] * 9 + [0] * 7).model == [1] * 9


def test_copying_a_commitment_gains_nothing_but_ones_own_is_taken() -> None:
    federation = bidding(winners=2).bid("a", [5] * 16).bid("b", [5] * 16).bid("c", [1] * 16).accept()
    raw_upload(federation, "b")


# --- the strategy ------------------------------------------------------------------------------------------------


def prepared(
    hospitals: int = 5, rounds: int = 2, key: str = "baffle", strategy: Strategy[Any] | None = None, **others: Any
) -> Trial:
    params = {"hospitals": hospitals, "patients": 60}
    specification = Specification(strategy=key, task="synthetic", task_params=params, seed=0, rounds=rounds, **others)
    ready = prepare(specification, tasks.load("synthetic", **params).dataset(0))
    return ready if strategy is None else replace(ready, strategy=strategy)


def baffle(**params: Any) -> Any:
    return discovery.build("baffle", params)


def trained(weights: Any, number: int = 1, hospitals: int = 5) -> dict[str, Any]:
    """What each hospital's training gives from these weights in a round."""
    world = prepared(hospitals).world
    world.begin(number)
    return {name: update.weights for name, update in world.ask(world.hospitals, FIT, weights).open().items()}


def rounded(weights: Any) -> Any:
    return floating_point(fixed_point(weights).values)


def spoiled(name: str, spoil: Callable[[Any], Any], **params: Any) -> Any:
    """The strategy with one hospital that trained something else."""
    kind = discovery.load("baffle")

    def bid(self: Any, site: Site, memory: Memory, update: Update) -> Any:
        given = update._replace(weights=spoil(np.array(update.weights))) if site.name == name else update
        return kind.bid(self, site, memory, given)  # type: ignore[attr-defined]

    return type("Spoiled", (kind,), {"bid": bid})(**params)


ALL = {"winners": 1.0, "budget": 1.0}


def test_all_winning_all_chunks_is_fedavg_with_equal_weights() -> None:
    before, *after = states(prepared(rounds=3, strategy=baffle(**ALL)))
    for number, state in enumerate(after, 1):
        models = trained(before.weights, number)
        exact = np.mean([model.astype(np.float64) for model in models.values()], axis=0)
        assert np.abs(state.weights - exact).max() <= (len(models) - 1 + 1) / MILLION
        assert np.abs(state.weights - before.weights).max() > 1e-3
        before = state


def test_by_default_only_the_best_half_is_written() -> None:
    ready = prepared(rounds=1)
    opened, state = states(ready)
    layout = ready.strategy.layout(len(state.weights))  # type: ignore[attr-defined]
    budget, limit = layout.budget, layout.chunks * 2
    written = [sum(counts) for counts in state.written.values()]
    assert max(written) <= budget < layout.chunks
    assert 0 < sum(written) <= limit
    models = trained(opened.weights)
    size = 8 * layout.slots
    for k in range(layout.chunks):
        cut = slice(k * size, (k + 1) * size)
        writers = [name for name, counts in state.written.items() if counts[k]]
        assert len(writers) <= 2
        expected = np.mean([models[name][cut] for name in writers], axis=0) if writers else opened.weights[cut]
        np.testing.assert_allclose(state.weights[cut], expected, atol=3 / MILLION, rtol=0)


def test_bids_go_to_what_changed_most() -> None:
    """Each hospital's accepted chunks are among its own best B, and no better bid than an accepted one was refused."""
    ready = prepared(rounds=1)
    opened, state = states(ready)
    layout = ready.strategy.layout(len(state.weights))  # type: ignore[attr-defined]
    cuts = range(8 * layout.slots, len(state.weights), 8 * layout.slots)
    change = {name: np.split(model - opened.weights, cuts) for name, model in trained(opened.weights).items()}
    norms = {name: [float(np.linalg.norm(part)) for part in parts] for name, parts in change.items()}
    bids = {name: sorted(range(len(own)), key=lambda k: -own[k])[: layout.budget] for name, own in norms.items()}
    for k in range(layout.chunks):
        bidders = sorted((name for name in bids if k in bids[name]), key=lambda name: -norms[name][k])
        assert {name for name, counts in state.written.items() if counts[k]} == set(bidders[:2])


def test_one_chunk_and_one_winner_copies_the_most_changed_model() -> None:
    opened, state = states(prepared(rounds=1, strategy=baffle(winners=0.01, budget=1.0, chunk_weights=10_000)))
    models = trained(opened.weights)
    best = max(models, key=lambda name: float(np.linalg.norm(models[name] - opened.weights)))
    np.testing.assert_array_equal(state.weights, rounded(models[best]))
    assert state.written == {name: (int(name == best),) for name in models}


def test_without_a_budget_nothing_is_learned() -> None:
    opened, *_, last = states(prepared(strategy=baffle(budget=0.0)))
    np.testing.assert_array_equal(opened.weights, last.weights)
    np.testing.assert_array_equal(opened.weights, rounded(prepared().world.initial_weights()))


def test_one_hospital_trains_alone() -> None:
    _, *after = states(prepared(hospitals=1, rounds=2, strategy=baffle(**ALL)))
    (alone,) = trained(after[0].weights, 2, hospitals=1).values()
    np.testing.assert_array_equal(after[1].weights, rounded(alone))


def test_model_is_what_stands_on_chain() -> None:
    ready = prepared()
    *_, last = states(ready)
    standing = unpacked(joined(ready.world.at(last.contract).call("model")), len(last.weights))
    np.testing.assert_array_equal(ready.strategy.model(last), floating_point(standing))


def test_less_gas_than_everybody_writing_everything() -> None:
    spent = []
    for params in ({}, ALL):
        ready = prepared(hospitals=10, rounds=3, strategy=baffle(**params))
        states(ready)
        spent.append(sum(r.gas for r in ready.world.ledger.receipts if r.function not in ("constructor", "fill")))
    assert spent[0] < 0.8 * spent[1]


POISONS: Mapping[str, Callable[[Any], Any]] = {
    "not a number": lambda weights: np.full_like(weights, np.nan),
    "infinite": lambda weights: np.full_like(weights, np.inf),
    "too large": lambda weights: np.full_like(weights, 1e9),
}


@pytest.mark.parametrize("poison", POISONS)
def test_weights_that_do_not_fit_are_not_bid_for(poison: str) -> None:
    ready = prepared(strategy=spoiled("hospital 2", POISONS[poison]))
    *_, last = states(ready)
    assert sum(last.written["hospital 2"]) == 0
    assert all(receipt.succeeded for receipt in ready.world.ledger.receipts)
    assert ready.world.clock.now < 100  # nobody waited for its upload
    assert np.abs(last.weights).max() < 100


def test_only_the_chunk_that_does_not_fit_is_left_out() -> None:
    def first_is_nan(weights: Any) -> Any:
        weights[0] = np.nan
        return weights

    *_, last = states(prepared(strategy=spoiled("hospital 2", first_is_nan, **ALL)))
    assert last.written["hospital 2"] == (0, *[2] * (len(last.written["hospital 2"]) - 1))
    assert last.written["hospital 1"] == (2,) * len(last.written["hospital 1"])


def test_a_scaled_update_wins_all_it_bids_for() -> None:
    *_, last = states(prepared(rounds=1, strategy=spoiled("hospital 2", lambda weights: 10 * weights)))
    assert sum(last.written["hospital 2"]) == 4


def test_uploads_are_split_into_as_many_transactions_as_it_takes() -> None:
    ready = prepared(strategy=baffle(slots_a_transaction=5, chunk_weights=24, **ALL))
    (*_, split), (*_, single) = states(ready), states(prepared(strategy=baffle(chunk_weights=24, **ALL)))
    np.testing.assert_array_equal(split.weights, single.weights)
    calls = [receipt.function for receipt in ready.world.ledger.receipts]
    assert calls.count("fill") == 5
    assert calls.count("upload") == 2 * 5 * 8  # nine chunks of three slots but the last, which has one


def test_chunks_are_shown_to_everyone() -> None:
    ready = prepared(rounds=1)
    states(ready)
    rows = [row for row in ready.world.meter.disclosures() if "individual" in row["kind"]]
    assert [(row["audience"], row["count"]) for row in rows] == [
        ("everyone", sum(r.function == "upload" for r in ready.world.ledger.receipts))
    ]


def test_who_is_absent_is_passed_over_and_comes_back() -> None:
    ready = prepared(rounds=3, faults={"absent": {"hospital 1": [1]}})
    opened, first, _, third = states(ready)
    assert sum(first.written["hospital 1"]) == 0
    assert not np.array_equal(opened.weights, first.weights)
    assert sum(third.written["hospital 1"]) > 0
    assert all(receipt.succeeded for receipt in ready.world.ledger.receipts)


def test_who_wins_and_does_not_upload_is_passed_over() -> None:
    """It answers in time with its bid and not with its chunks."""
    ready = prepared(rounds=1, strategy=baffle(**ALL))
    ask = ready.world.ask

    def without_one(who: Any, what: Any, *arguments: Any, **others: Any) -> Any:
        who = [name for name in who if name != "hospital 3"] if what.name == "upload" else who
        return ask(who, what, *arguments, **others)

    ready.world.ask = without_one  # type: ignore[method-assign]
    opened, state = states(ready)
    models = trained(opened.weights)
    others = np.mean([model for name, model in models.items() if name != "hospital 3"], axis=0)
    np.testing.assert_allclose(state.weights, others, atol=5 / MILLION, rtol=0)
    assert sum(state.written["hospital 3"]) == 0
    assert ready.world.at(state.contract).call("round") == 2


def test_a_round_nobody_comes_to_changes_nothing() -> None:
    ready = prepared(rounds=2, faults={"absent": {f"hospital {number}": [1] for number in range(1, 6)}})
    opened, nobody, last = states(ready)
    np.testing.assert_array_equal(opened.weights, nobody.weights)
    assert ready.world.at(last.contract).call("round") == 2
    assert sum(map(sum, last.written.values())) > 0


def test_first_that_answers_founds_it_and_nobody_is_a_refusal_by_name() -> None:
    ready = prepared(rounds=1, faults={"absent": {"hospital 1": [0]}})
    *_, last = states(ready)
    assert ready.world.ledger.receipts[0].sender == "hospital 2"
    assert set(last.written) == set(ready.world.hospitals)
    assert ready.world.at(last.contract).call("bids") == 0  # the round is closed: all five had bid
    assert sum(receipt.function == "bid" for receipt in ready.world.ledger.receipts) == 5
    with pytest.raises(HospitalAbsent, match="hospital 1, hospital 2"):
        states(prepared(faults={"absent": {f"hospital {number}": [0] for number in range(1, 6)}}))


def test_what_depends_on_others_comes_in_a_later_block() -> None:
    ready = prepared(rounds=1)
    states(ready)
    blocks: dict[str, set[int]] = {}
    for receipt in ready.world.ledger.receipts:
        blocks.setdefault(receipt.function, set()).add(receipt.block)
    order = ["constructor", "fill", "bid", "accept", "upload", "aggregate"]
    assert list(blocks) == order
    assert all(max(blocks[a]) < min(blocks[b]) for a, b in itertools.pairwise(order))


def test_training_takes_its_blocks() -> None:
    ready = prepared(rounds=2, strategy=baffle(training_blocks=9))
    states(ready)
    bids = sorted({receipt.block for receipt in ready.world.ledger.receipts if receipt.function == "bid"})
    ends = [receipt.block for receipt in ready.world.ledger.receipts if receipt.function in ("fill", "aggregate")]
    assert [bid - end for bid, end in zip(bids, ends, strict=False)] == [9, 9]


@pytest.mark.parametrize(("hospitals", "winners"), [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (20, 10), (100, 50)])
def test_winners_of_a_federation(hospitals: int, winners: int) -> None:
    assert dict(baffle().numbers(hospitals)) == {"winners": winners, "budget_share": 0.5}
    assert baffle(**ALL).numbers(hospitals)["winners"] == hospitals


@pytest.mark.parametrize(
    ("weights", "params", "expected"),
    [
        (193, {}, (4, 7, 4)),
        (545, {}, (9, 8, 4)),
        (1, {}, (1, 1, 1)),
        (40_000, {}, (512, 10, 5)),
        (193, ALL, (4, 7, 7)),
        (193, {"chunk_weights": 100}, (13, 2, 1)),
        (193, {"budget": 0.0}, (4, 7, 0)),
    ],
)
def test_layout(weights: int, params: Any, expected: tuple[int, int, int]) -> None:
    assert tuple(baffle(**params).layout(weights)) == expected


def test_outcomes_add_up() -> None:
    ready = prepared()
    *_, last = states(ready)
    outcomes = ready.strategy.outcomes(last)
    assert sum(outcomes["chunks_written"].values()) == sum(outcomes["times_written"].values()) > 0
    assert list(outcomes["chunks_written"]) == list(ready.world.hospitals)
    assert outcomes["layout"] == {"slots": 4, "chunks": 7, "budget": 4, "weights": 32}
