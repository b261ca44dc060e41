"""What a plan spells out although it is so anyway makes no other trial."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import to_jsonable_python

from chainward import codec, tasks
from chainward.ledgers import consensus
from chainward.plans.canonical import canonical
from chainward.plans.plan import Plan
from chainward.plans.specification import Specification
from chainward.strategy import Card, Strategy, discovery
from chainward.world import Speeds

LINE_UP = discovery.keys()
KEYS = [key for key in LINE_UP if fields(discovery.load(key))]
SYNTHETIC = to_jsonable_python(codec.fields(tasks.load("synthetic_skewed")))
SPEEDS = codec.fields(Speeds())


def subset(whole: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any of these settings, whole numbers without their point."""
    plain = {
        name: int(value) if isinstance(value, float) and value == int(value) else value for name, value in whole.items()
    }
    return st.sets(st.sampled_from(sorted(plain))).map(lambda names: {name: plain[name] for name in names})


def specifications(**plan: Any) -> list[Specification]:
    return list(Plan.model_validate({"name": "p", "seeds": 2, **plan}).specifications())


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(KEYS), st.sampled_from(["common", "published"]), st.sampled_from([*consensus.MODELS]))
def test_defaults_spelled_out_are_no_other_trial(data: st.DataObject, key: str, track: str, model: str) -> None:
    kind = discovery.load(key)
    published = kind.card.published.get("params", {}) if track == "published" else {}
    own = to_jsonable_python(codec.fields(discovery.build(key, published)))
    training = codec.fields(tasks.load("synthetic_skewed").training) | (
        kind.card.published.get("training", {}) if track == "published" else {}
    )
    fixed = {"consensus": model, "gas_limit": 30_000_000}
    bare = specifications(tasks=["synthetic_skewed"], strategies=[key], track=track, ledger={"consensus": model})
    spelled = specifications(
        tasks=[{"key": "synthetic_skewed", **data.draw(subset(SYNTHETIC))}],
        strategies=[{"key": key, **data.draw(subset(own))}],
        track=track,
        training=data.draw(subset(training)),
        split="by-patient",
        rounds=data.draw(st.sampled_from([None, tasks.load("synthetic_skewed").rounds])),
        attacks=[data.draw(st.sampled_from(["none", {"kind": "scaled", "share": 0.0, "strength": 9}]))],
        ledger={**data.draw(subset(consensus.defaults(model))), **fixed},
        faults=data.draw(st.sampled_from([{}, {"absent": {}}, {"delay": {"hospital 01": 0}}])),
        speeds=data.draw(subset(SPEEDS)),
    )
    assert [one.document() for one in spelled] == [one.document() for one in bare]


def test_what_is_different_stays() -> None:
    (found, _) = specifications(
        tasks=[{"key": "synthetic_skewed", "label_skew": 0.5, "population": 0}],
        strategies=[{"key": "swarm_learning", "merge": "coordmedian", "min_peers": 0}],
        attacks=[{"kind": "scaled", "share": 0.2}],
        ledger={"consensus": "poa", "period_s": 6},
        speeds={"jitter": 0.2, "patience_s": 600},
        training={"learning_rate": 0.5, "batch_size": 32},
    )
    assert (found.params, found.task_params) == ({"merge": "coordmedian"}, {"label_skew": 0.5})
    assert found.attack == {"kind": "scaled", "share": 0.2, "strength": 1.0}
    assert found.ledger_params == {"consensus": "poa", "period_s": 6.0}
    assert found.speeds == {"jitter": 0.2}
    assert found.training == {"learning_rate": 0.5}


def test_one_and_the_same_number_is_written_in_one_way() -> None:
    spelled = [
        specifications(
            tasks=[{"key": "synthetic", "label_skew": number}],
            strategies=["fedavg"],
            ledger={"period_s": 4 * number},
            faults={"absent": {"hospital 01": rounds}, "delay": {"hospital 02": number}},
        )
        for number, rounds in ((1, [3, 1, 1]), (1.0, [1, 3]))
    ]
    first, second = ([one.document() for one in found] for found in spelled)
    assert str(first) == str(second)
    assert first[0]["task_params"] == {"label_skew": 1.0}
    assert first[0]["ledger_params"] == {"consensus": "poa", "period_s": 4.0}
    assert first[0]["faults"] == {"absent": {"hospital 01": [1, 3]}, "delay": {"hospital 02": 1.0}}


@dataclass(frozen=True)
class Noise:
    """A table among the parameters."""

    kind: str = "gaussian"
    scale: float = 1.0


@dataclass(frozen=True)
class Noisy(Strategy[Any]):
    """A strategy with a table and a list, and one parameter that must be given."""

    card: ClassVar[Card] = replace(discovery.load("fedavg").card, published={"params": {"layers": (8,)}})

    rate: float
    noise: Noise = field(default_factory=Noise)
    layers: tuple[int, ...] = (16, 8)

    open = round = model = None  # type: ignore[assignment]


NOISY = [
    ({"noise": {}}, {}),
    ({"noise": {"scale": 1}}, {}),
    ({"noise": {"kind": "laplace"}}, {"noise": {"kind": "laplace", "scale": 1.0}}),
    ({"noise": {"scale": 1.0, "kind": "laplace"}}, {"noise": {"kind": "laplace", "scale": 1.0}}),
    ({"layers": [16, 8]}, {}),
    ({"layers": [8]}, {"layers": [8]}),
]


@pytest.mark.parametrize(("written", "kept"), NOISY)
def test_tables_and_lists_among_the_parameters_count_by_what_they_hold(
    written: dict[str, Any], kept: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    @dataclass(frozen=True)
    class Optional(Noisy):
        rate: float = 0.5

    monkeypatch.setattr(discovery, "load", lambda _: Optional)
    assert canonical(Specification("noisy", "heart", 0, 1, written)).params == kept


def test_published_settings_are_the_default_of_their_track(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Optional(Noisy):
        rate: float = 0.5

    monkeypatch.setattr(discovery, "load", lambda _: Optional)
    eight, both = {"layers": [8]}, {"layers": [16, 8]}
    assert canonical(Specification("noisy", "heart", 0, 1, eight, track="published")).params == {}
    assert canonical(Specification("noisy", "heart", 0, 1, both, track="published")).params == both


def test_what_must_be_given_or_does_not_exist_stays_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = Specification("nobody", "nowhere", 0, 1, {"a": 1}, {"b": 2})
    assert canonical(nowhere) == nowhere
    assert canonical(Specification("fedavg", "heart", 0, 1, {"wieghted": True})).params == {"wieghted": True}
    monkeypatch.setattr(discovery, "load", lambda _: Noisy)
    assert canonical(Specification("noisy", "heart", 0, 1, {"rate": 1})).params == {"rate": 1.0}


@pytest.mark.parametrize("key", LINE_UP)
def test_it_is_done_once_and_for_all(key: str) -> None:
    once = canonical(Specification(key, "synthetic", 0, 1, {}, {"hospitals": 4}))
    assert canonical(once) == once
