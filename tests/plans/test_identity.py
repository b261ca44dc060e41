"""A trial is named by what can change its figures: one edit a case, and just the trials it can change are renamed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from chainward.folders import ARTIFACTS, PACKAGE, REIMPLEMENTATIONS
from chainward.plans.identity import Reader, code_digest, trial_id
from chainward.plans.resolve import Resolved, resolve
from chainward.plans.specification import Specification
from chainward.strategy import Audience, Card, Strategy
from chainward.world import World

TRIALS = {
    "fedavg": Specification("fedavg", "heart", 0, 1),
    "bflc": Specification("bflc", "heart", 0, 1),
    "published": Specification("bflc", "heart", 0, 1, track="published"),
    "tuned": Specification("fedavg", "heart", 0, 1, track="tuned"),
    "synthetic": Specification("fedavg", "synthetic", 0, 1),
    "lightning": Specification("fedavg", "heart", 0, 1, engine="lightning"),
    "pow": Specification("fedavg", "heart", 0, 1, ledger_params={"consensus": "pow"}),
    "brownie": Specification("fedavg", "heart", 0, 1, ledger="brownie"),
}
ALL = set(TRIALS)


@pytest.fixture(scope="module")
def resolved() -> dict[str, Resolved]:
    return {name: resolve(trial) for name, trial in TRIALS.items()}


def digests(resolved: Mapping[str, Resolved], read: Reader = Path.read_bytes) -> dict[str, str]:
    return {name: code_digest(one, read) for name, one in resolved.items()}


def edited(path: Path, old: str, new: str) -> Reader:
    """Sources with one edit in one file; the same text as before everywhere else."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    return lambda asked: text.replace(old, new).encode() if asked == path else asked.read_bytes()


def appended(path: Path, text: str = "\nADDED = 1\n") -> Reader:
    return lambda asked: asked.read_bytes() + (text.encode() if asked == path else b"")


def changed(resolved: Mapping[str, Resolved], read: Reader) -> set[str]:
    before, after = digests(resolved), digests(resolved, read)
    return {name for name in resolved if before[name] != after[name]}


@pytest.mark.parametrize(
    ("file", "trials"),
    [
        ("engines/local/descent.py", ALL),
        ("engines/local/lightning.py", ALL),  # what parties train alone with, on every engine
        ("engines/__init__.py", set()),
        ("engines/flower/wire.py", set()),
        ("ledgers/__init__.py", set()),
        ("ledgers/artifacts.py", ALL),
        ("ledgers/evm.py", ALL),  # brownie's accounts and gas limit are those of the chain in process
        ("ledgers/brownie.py", {"brownie"}),
        ("ledgers/consensus/work.py", {"pow"}),
        ("ledgers/consensus/authority.py", ALL - {"pow"}),
        ("tasks/heart.py", ALL - {"synthetic"}),
        ("tasks/synthetic.py", {"synthetic"}),
        ("tasks/splits.py", ALL),
        ("tasks/edin.py", set()),
        ("methods/aggregation.py", ALL),
        ("methods/mining.py", set()),
        ("world/meter.py", ALL),
        ("strategy/base.py", ALL),
        ("strategy/card.py", set()),
        ("strategy/discovery.py", set()),
        ("trials/run.py", ALL),
        ("trials/result.py", ALL),
        ("trials/predict.py", ALL),
        ("trials/tuning.py", {"tuned"}),
        ("trials/runner.py", set()),
        ("plans/resolve.py", ALL),
        ("plans/identity.py", set()),
        ("results/inference.py", set()),
        ("judges/accuracy.py", set()),
        ("cli/run.py", set()),
    ],
)
def test_a_line_of_code_names_the_trials_it_can_change(
    resolved: dict[str, Resolved], file: str, trials: set[str]
) -> None:
    assert (PACKAGE / file).is_file()
    assert changed(resolved, appended(PACKAGE / file)) == trials


def test_a_comment_or_docstring_names_none(resolved: dict[str, Resolved]) -> None:
    for file in ("engines/local/descent.py", "tasks/heart.py", "world/world.py"):
        assert changed(resolved, appended(PACKAGE / file, '\n# a comment\n"""and a string"""\n')) == set()
    run = PACKAGE / "trials" / "run.py"
    assert changed(resolved, edited(run, "Run a trial from its checkpoint", "Start a trial from a checkpoint")) == set()


def test_a_papers_file_names_its_own_trials(resolved: dict[str, Resolved]) -> None:
    path = REIMPLEMENTATIONS / "bflc.py"
    assert changed(resolved, appended(path)) == {"bflc", "published"}
    assert changed(resolved, edited(path, "tolerates_absence=True", "tolerates_absence=False")) == set()
    assert changed(resolved, appended(path.with_suffix(".toml"), "\n# words\n")) == set()


def test_words_claims_and_rules_name_no_trial(resolved: dict[str, Resolved]) -> None:
    """Whatever stands in the TOML of a paper, but for its published settings, is not even read."""
    asked: list[Path] = []

    def read(path: Path) -> bytes:
        asked.append(path)
        return path.read_bytes()

    digests(resolved, read)
    assert asked
    assert not [path for path in asked if path.suffix == ".toml"]


def with_card(resolved: Resolved, **changes: Any) -> Resolved:
    """The same trial of a class that differs in its card."""
    kind = type(resolved.strategy)
    other = type(kind.__name__, (kind,), {"__module__": kind.__module__, "card": replace(kind.card, **changes)})
    return replace(resolved, strategy=other())


def test_of_a_card_only_contracts_and_published_settings_count(resolved: dict[str, Resolved]) -> None:
    before, trials = digests(resolved), {name: resolved[name] for name in ("bflc", "published")}

    def found(**changes: Any) -> set[str]:
        after = digests({name: with_card(one, **changes) for name, one in trials.items()})
        return {name for name in trials if after[name] != before[name]}

    assert found(title="Other", deviations=("None.",), year=1999) == set()
    assert found(published={"training": {"learning_rate": 0.002, "batch_size": 100}}) == {"published"}
    assert found(contracts=("Baffle",)) == {"bflc", "published"}


def test_of_a_contract_its_code_counts(resolved: dict[str, Resolved]) -> None:
    path = ARTIFACTS / "BFLC.json"
    assert changed(resolved, edited(path, '"bytecode": "', '"bytecode": "00')) == {"bflc", "published"}
    assert changed(resolved, edited(path, '"source": "', '"source": "other/')) == set()


def test_an_engine_of_flower_is_its_own_code_and_that_of_the_hospitals_inside() -> None:
    pytest.importorskip("flwr")
    trial = {"flower": resolve(Specification("fedavg", "heart", 0, 1, engine="flower-simulation"))}
    for file in ("engines/flower/wire.py", "engines/flower/deployment/relay.py", "engines/local/lightning.py"):
        assert changed(trial, appended(PACKAGE / file)) == {"flower"}
    assert changed(trial, appended(PACKAGE / "strategy" / "flower" / "stock.py")) == set()


def test_one_of_flowers_own_strategies_is_the_code_that_drives_it() -> None:
    pytest.importorskip("flwr")
    trial = {"stock": resolve(Specification("flwr:FedAvg", "heart", 0, 1))}
    for file in ("strategy/flower/stock.py", "strategy/flower/grid.py"):
        assert changed(trial, appended(PACKAGE / file)) == {"stock"}


def test_the_name_has_specification_data_and_code_in_it() -> None:
    trial = TRIALS["fedavg"]
    names = {
        trial_id(trial, "data", "code"),
        trial_id(trial, "data", "other"),
        trial_id(trial, "other", "code"),
        trial_id(replace(trial, seed=1), "data", "code"),
    }
    assert len(names) == 4


@dataclass(frozen=True)
class Nothing:
    """No progress."""


@dataclass(frozen=True)
class Typed(Strategy[Nothing]):
    """As in a notebook, once its module has no file."""

    card: ClassVar[Card] = Card(
        key="typed", title="t", authors="a", where="w", year=2020, family="f", tier="T1", summary="s", consensus="none",
        sees_individual_updates=Audience.NOBODY, raw_records_shared="none", spends_gas=False, tolerates_absence=True,
    )  # fmt: skip

    def open(self, world: World) -> Nothing:
        return Nothing()

    def round(self, state: Nothing, world: World) -> Nothing:
        return state

    def model(self, state: Nothing) -> None:
        return None


def test_a_strategy_without_a_file_is_its_text_and_what_it_uses(
    resolved: dict[str, Resolved], monkeypatch: pytest.MonkeyPatch
) -> None:
    """See test_typed_in.py for what that is."""
    typed = {"typed": replace(resolved["fedavg"], strategy=Typed(), contracts=())}
    monkeypatch.delattr(f"{__name__}.__file__")
    assert changed(typed, appended(PACKAGE / "methods" / "mining.py")) == set()
    assert changed(typed, appended(PACKAGE / "world" / "meter.py")) == {"typed"}
    assert changed(typed, appended(PACKAGE / "strategy" / "base.py")) == {"typed"}
