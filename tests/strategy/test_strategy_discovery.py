"""The line-up: files of the folder and installed packages, each failing for itself alone and in words."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from chainward import plugins
from chainward.errors import ChainwardError, UnknownName
from chainward.folders import REIMPLEMENTATIONS
from chainward.strategy import Strategy, discovery

STRATEGY = """
from dataclasses import dataclass
from typing import ClassVar, Literal

from chainward.strategy import Audience, Card, Strategy


@dataclass(frozen=True)
class State:
    weights: tuple[float, ...]


@dataclass(frozen=True)
class {name}(Strategy[State]):
    members: int = 3
    share: float = 0.5
    rule: Literal["mean", "median"] = "mean"

    card: ClassVar[Card] = Card(
        key="{key}", title="t", authors="a", where="w", year=2020, family="f", tier="T1", summary="s",
        consensus="none", sees_individual_updates=Audience.NOBODY, raw_records_shared="none", spends_gas=False,
        tolerates_absence=True,
    )

    def open(self, world): return State(())
    def round(self, state, world): return state
    def model(self, state): return state.weights
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder in place of `reimplementations/`."""
    before = set(sys.modules)
    discovery.load.cache_clear()
    monkeypatch.setattr(discovery, "REIMPLEMENTATIONS", tmp_path)
    monkeypatch.setattr(plugins, "entry_points", EntryPoints().select)
    yield tmp_path
    discovery.load.cache_clear()
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(folder: Path, key: str, *names: str, card_key: str | None = None) -> None:
    text = "\n".join(STRATEGY.format(name=name, key=card_key or key) for name in names)
    (folder / f"{key}.py").write_text(dedent(text), encoding="utf-8")


def test_the_listing_is_the_line_up(folder: Path) -> None:
    for key in ("zeta_paper", "alpha_paper"):
        write(folder, key, "Paper")
    (folder / "_helpers.py").write_text("", encoding="utf-8")
    (folder / "alpha_paper.toml").write_text("", encoding="utf-8")
    assert discovery.keys() == ("alpha_paper", "zeta_paper")


def test_every_file_of_the_real_folder_is_in_the_line_up() -> None:
    assert {path.stem for path in REIMPLEMENTATIONS.glob("[!_]*.py")} <= set(discovery.keys())


def test_a_strategy_is_found_by_its_key(folder: Path) -> None:
    write(folder, "alpha_paper", "Paper")
    kind = discovery.load("alpha_paper")
    assert issubclass(kind, Strategy)
    assert kind.__name__ == "Paper"
    assert discovery.load("alpha_paper") is kind
    assert discovery.source(kind) == folder / "alpha_paper.py"


@pytest.mark.parametrize(("typed", "closest"), [("alpha_papr", "alpha_paper"), ("bet_paper", "beta_paper")])
def test_unknown_name_suggests_the_closest(folder: Path, typed: str, closest: str) -> None:
    write(folder, "alpha_paper", "Paper")
    write(folder, "beta_paper", "Paper")
    with pytest.raises(UnknownName, match=f"no strategy is called '{typed}'; did you mean '{closest}'"):
        discovery.load(typed)


@pytest.mark.parametrize("name", ["nothing at all", "", "_helpers", "../alpha_paper"])
def test_unknown_name_like_none_suggests_none(folder: Path, name: str) -> None:
    (folder / "_helpers.py").write_text("", encoding="utf-8")
    with pytest.raises(UnknownName) as caught:
        discovery.load(name)
    assert "did you mean" not in str(caught.value)
    assert "chainward list strategies" in str(caught.value)


@pytest.mark.parametrize(("names", "count"), [((), 0), (("One", "Two"), 2)])
def test_one_file_holds_one_strategy(folder: Path, names: tuple[str, ...], count: int) -> None:
    write(folder, "alpha_paper", *names)
    with pytest.raises(ChainwardError, match=f"alpha_paper.py holds {count} strategies"):
        discovery.load("alpha_paper")


def test_an_imported_strategy_is_not_the_files_own(folder: Path) -> None:
    write(folder, "alpha_paper", "Paper")
    path = folder / "alpha_paper.py"
    path.write_text("from chainward.strategy import Strategy as Base\n" + path.read_text("utf-8"), encoding="utf-8")
    assert discovery.load("alpha_paper").__name__ == "Paper"


def test_key_on_the_card_is_the_files_name(folder: Path) -> None:
    write(folder, "alpha_paper", "Paper", card_key="beta_paper")
    with pytest.raises(ChainwardError, match="'alpha_paper' calls itself 'beta_paper'"):
        discovery.load("alpha_paper")


def test_broken_file_breaks_its_own_name_only_and_can_be_put_right(folder: Path) -> None:
    write(folder, "alpha_paper", "Paper")
    (folder / "beta_paper.py").write_text("import no_such_module\n", encoding="utf-8")
    assert discovery.keys() == ("alpha_paper", "beta_paper")
    assert discovery.load("alpha_paper").card.key == "alpha_paper"
    with pytest.raises(ChainwardError, match=r"beta_paper.py cannot be imported: .*no_such_module"):
        discovery.load("beta_paper")
    write(folder, "beta_paper", "Paper")
    assert discovery.load("beta_paper").card.key == "beta_paper"


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"member": 4}, "no parameter 'member'; it has members, share, rule"),
        ({"members": "many"}, "members: "),
        ({"members": 1.5}, "members: "),
        ({"share": None}, "share: "),
        ({"rule": "mode"}, "rule: "),
        ({"card": None}, "no parameter 'card'"),
    ],
)
def test_wrong_parameter_names_the_field(folder: Path, params: dict[str, Any], named: str) -> None:
    write(folder, "alpha_paper", "Paper")
    with pytest.raises(ChainwardError, match=f"strategy alpha_paper: {named}") as caught:
        discovery.build("alpha_paper", params)
    assert "\n" not in str(caught.value)


def test_parameters_fill_the_fields(folder: Path) -> None:
    write(folder, "alpha_paper", "Paper")
    kind = discovery.load("alpha_paper")
    assert discovery.build("alpha_paper", {}) == kind()
    assert discovery.build("alpha_paper", {"members": 5, "rule": "median"}) == kind(members=5, rule="median")  # type: ignore[call-arg]


def test_claims_are_read_from_beside_the_file(folder: Path) -> None:
    write(folder, "alpha_paper", "Paper")
    kind = discovery.load("alpha_paper")
    assert discovery.claims(kind) == ()
    claims = folder / "alpha_paper.toml"
    rule = 'claim = "It works."\ntier = "T1"\nreproduced = "if so"\npartly = ""\n'
    claims.write_text(f'[[claim]]\nkey = "one"\n{rule}[[claim]]\nkey = "two"\n{rule}', encoding="utf-8")
    assert [claim.key for claim in discovery.claims(kind)] == ["one", "two"]
    claims.write_text("[[claim]\n", encoding="utf-8")
    with pytest.raises(ChainwardError, match=r"alpha_paper.toml: "):
        discovery.claims(kind)


def test_own_contracts_lie_beside_the_file(folder: Path) -> None:
    write(folder, "alpha_paper", "Paper")
    kind = discovery.load("alpha_paper")
    assert discovery.artifact_folders(kind) == ()
    (folder / "artifacts").mkdir()
    assert discovery.artifact_folders(kind) == (folder / "artifacts",)


def installed(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    installed_at(monkeypatch, *(EntryPoint(name, value, discovery.GROUP) for name, value in values.items()))


def installed_at(monkeypatch: pytest.MonkeyPatch, *entries: EntryPoint) -> None:
    monkeypatch.setattr(plugins, "entry_points", EntryPoints(entries).select)


def test_installed_strategies_come_after_ours(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "zeta_paper", "Paper")
    installed(monkeypatch, other_paper="elsewhere:Other", another_paper="elsewhere:Another")
    assert discovery.keys() == ("zeta_paper", "another_paper", "other_paper")


def test_ours_wins_over_an_installed_one_of_the_same_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "alpha_paper", "Paper")
    installed(monkeypatch, alpha_paper="no_such_module:Other")
    assert discovery.keys() == ("alpha_paper",)
    assert discovery.load("alpha_paper").__name__ == "Paper"


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("no_such_module:Paper", "'other_paper' of no_such_module:Paper cannot be imported: No module named"),
        ("math:Paper", "cannot be imported: module 'math' has no attribute 'Paper'"),
        ("math:pi", "'other_paper' is not a Strategy with a card"),
        ("chainward.strategy:Strategy", "'other_paper' is not a Strategy with a card"),
    ],
)
def test_broken_package_breaks_its_own_name_only(
    folder: Path, monkeypatch: pytest.MonkeyPatch, value: str, complaint: str
) -> None:
    write(folder, "alpha_paper", "Paper")
    installed(monkeypatch, other_paper=value)
    assert discovery.keys() == ("alpha_paper", "other_paper")
    with pytest.raises(ChainwardError, match=complaint):
        discovery.load("other_paper")
    assert discovery.load("alpha_paper").card.key == "alpha_paper"


def test_two_packages_with_one_key_are_both_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = (EntryPoint("paper", value, discovery.GROUP) for value in ("ours:Paper", "theirs:Paper"))
    installed_at(monkeypatch, ours, theirs)
    assert discovery.keys() == ("paper",)
    with pytest.raises(ChainwardError, match=r"two installed packages have .* 'paper': ours:Paper and theirs:Paper"):
        discovery.load("paper")
    installed_at(monkeypatch, ours, ours)
    with pytest.raises(ChainwardError, match="ours:Paper cannot be imported"):
        discovery.load("paper")
