"""What a class typed into a notebook comes to: a change in what it uses shows, a comment or another cell does not."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import ModuleType

import pytest

from chainward.errors import ChainwardError
from chainward.plans.identity import code_digest
from chainward.plans.resolve import resolve
from chainward.plans.specification import Specification
from chainward.strategy import discovery

Cells = Callable[..., str]

IMPORTS = """
from dataclasses import dataclass, replace
from typing import ClassVar
from chainward.methods.aggregation import weighted_mean
from chainward.methods import fixed_point
from chainward.strategy import Audience, Card, Strategy, Vector, discovery
from chainward.world import FIT, Kind, Query, World
"""
STATE = """
@dataclass(frozen=True)
class State:
    weights: Vector
"""
HELPERS = """
QUORUM = 2
def enough(updates):
    return len(updates) >= QUORUM  # a helper
"""
MINE = '''
@dataclass(frozen=True)
class Mine(Strategy[State]):
    """Words about it."""

    rate: float = 1.0
    card: ClassVar[Card] = Card(
        key="mine", title="t", authors="a", where="w", year=2020, family="f", tier="T1", summary="s",
        consensus="none", sees_individual_updates=Audience.COORDINATOR, raw_records_shared="none", spends_gas=False,
        tolerates_absence=True,
    )

    def open(self, world):
        return State(world.initial_weights())

    def round(self, state, world):
        updates = world.ask(world.hospitals, FIT, state.weights)
        if not enough(updates):
            return state
        return State(weighted_mean([one.weights for one in updates.open().values()], [1.0] * len(updates)))

    def model(self, state):
        return state.weights
'''
WHOLE = (IMPORTS, STATE, HELPERS, MINE)


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cells]:
    """Type cells into a fresh notebook and return the digest of the code of a trial of `Mine`."""
    numbers, names = count(), list[str]()

    def typed(*texts: str) -> str:
        module = ModuleType("a_notebook")
        monkeypatch.setitem(sys.modules, "a_notebook", module)
        for text in texts:
            name = f"<cell {next(numbers)}>"
            names.append(name)
            linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
            exec(compile(text, name, "exec"), vars(module))
        with discovery.beside([module.Mine]):
            return code_digest(resolve(Specification("mine", "heart", 0, 1)))

    yield typed
    for name in names:
        del linecache.cache[name]


def with_change(part: str, old: str, new: str) -> tuple[str, ...]:
    assert old in part
    return tuple(text.replace(old, new) if text is part else text for text in WHOLE)


@pytest.mark.parametrize(
    ("part", "old", "new", "changes"),
    [
        (MINE, "rate: float = 1.0", "rate: float = 2.0", True),
        (MINE, "return state.weights", "return 2 * state.weights", True),
        (MINE, "Words about it.", "Other words.", False),
        (MINE, "        return state.weights", "        # the weights\n        return state.weights", False),
        (MINE, 'summary="s"', 'summary="another"', False),
        (HELPERS, "QUORUM = 2", "QUORUM = 3", True),
        (HELPERS, "QUORUM = 2", "QUORUM = 1 + 1", False),
        (HELPERS, ">= QUORUM", "> QUORUM", True),
        (HELPERS, "a helper", "helps", False),
        (STATE, "weights: Vector", "weights: Vector\n    more: int = 0", True),
        (IMPORTS, "import weighted_mean", "import coordinate_median as weighted_mean", True),
    ],
)
def test_what_changes_its_figures_changes_its_name(cells: Cells, part: str, old: str, new: str, changes: bool) -> None:
    assert (cells(*with_change(part, old, new)) != cells(*WHOLE)) is changes


def test_the_same_cells_name_the_same_trial_however_they_are_dealt(cells: Cells) -> None:
    assert cells(*WHOLE) == cells(*WHOLE) == cells("".join(WHOLE)) == cells("\n\n# first\n" + "".join(WHOLE))


def test_another_cell_names_no_trial(cells: Cells) -> None:
    assert cells(*WHOLE, "frame = object()\ndef unused(): return frame") == cells(*WHOLE)


def test_a_value_assigned_anew_is_seen_though_the_class_is_the_same_object(cells: Cells) -> None:
    before = cells(*WHOLE)
    module = sys.modules["a_notebook"]
    with discovery.beside([module.Mine]):
        resolved = resolve(Specification("mine", "heart", 0, 1))
        assert code_digest(resolved) == before
        module.__dict__["QUORUM"] = 5
        assert code_digest(resolved) != before


def test_a_base_of_the_line_up_is_its_file_too(cells: Cells) -> None:
    heir = """
FedAvg = discovery.load("fedavg")
@dataclass(frozen=True)
class Mine(FedAvg):
    card: ClassVar[Card] = replace(FedAvg.card, key="mine")
    def numbers(self, hospitals):
        return {}
"""
    cells(IMPORTS, heir)
    asked = []
    with discovery.beside([sys.modules["a_notebook"].Mine]):
        code_digest(
            resolve(Specification("mine", "heart", 0, 1)), lambda path: asked.append(path.name) or path.read_bytes()
        )
    assert "fedavg.py" in asked


def test_a_module_beside_the_notebook_is_its_file_and_an_installed_one_is_not(
    cells: Cells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helpers = "import numpy, json\nfrom weights_helper import enough\n"
    (tmp_path / "weights_helper.py").write_text("def enough(updates): return len(updates) > 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    using = MINE.replace("return state.weights", "return numpy.asarray(json.loads('1') * state.weights)")
    before = cells(IMPORTS, STATE, helpers, using)
    asked = []
    with discovery.beside([sys.modules["a_notebook"].Mine]):
        trial = resolve(Specification("mine", "heart", 0, 1))
        code_digest(trial, lambda path: asked.append(path) or path.read_bytes())
    assert tmp_path / "weights_helper.py" in asked
    assert not [path for path in asked if "numpy" in path.parts or "json" in path.parts]
    (tmp_path / "weights_helper.py").write_text("def enough(updates): return len(updates) > 2\n", encoding="utf-8")
    assert cells(IMPORTS, STATE, helpers, using) != before


def test_a_query_of_its_own_is_its_function_and_its_form(cells: Cells) -> None:
    query = """
FACTOR = 2
def double(site, memory, payload):
    return FACTOR * payload, memory
ASKED = Query("ask_double", Kind.STATISTICS, double, reply=float)
"""
    asking = MINE.replace(
        "if not enough(updates)", "world.ask(world.hospitals, ASKED, 1.0)\n        if not enough(updates)"
    )
    parts = (IMPORTS, STATE, HELPERS)
    plain = cells(*parts, query, asking)
    assert plain == cells(*parts, query, asking)
    assert plain != cells(*parts, query.replace("FACTOR = 2", "FACTOR = 3"), asking)
    assert plain != cells(*parts, query.replace("reply=float", "reply=int"), asking)
    assert plain != cells(*parts, query.replace("STATISTICS", "SCORES"), asking)


def test_what_has_no_digest_is_refused_by_its_name(cells: Cells) -> None:
    with pytest.raises(ChainwardError, match="'QUORUM' is of type object, which has no digest"):
        cells(*with_change(HELPERS, "QUORUM = 2", "QUORUM = object()"))


def test_a_class_whose_text_is_not_at_hand_is_refused(cells: Cells, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linecache, "getlines", lambda *_: [])
    with pytest.raises(ChainwardError, match="its text is not at hand"):
        cells(*WHOLE)


def test_a_key_of_the_line_up_is_refused(cells: Cells) -> None:
    with pytest.raises(ChainwardError, match="strategy Mine: another has its key 'fedavg' too"):
        cells(*with_change(MINE, 'key="mine"', 'key="fedavg"'))


def test_is_known_inside_only(cells: Cells) -> None:
    cells(*WHOLE)
    with pytest.raises(ChainwardError, match="no strategy is called 'mine'"):
        discovery.load("mine")
