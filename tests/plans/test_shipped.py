"""Plans by name: which file a name means, and what is said where none or several could be meant."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainward.errors import UnknownName
from chainward.folders import CHECKOUT
from chainward.names import is_plain
from chainward.plans import shipped

WHEEL = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_wheel_has_every_plan_and_no_other_file_beside_them() -> None:
    taken = {target: source for source, target in WHEEL["force-include"].items() if "chainward/benchmarks" in target}
    assert taken == {f"chainward/benchmarks/{name}.toml": f"benchmarks/{name}.toml" for name in shipped.NAMES}
    assert all((CHECKOUT / source).is_file() for source in taken.values())


@pytest.mark.parametrize("name", shipped.NAMES)
def test_a_bare_name_is_a_plan_that_comes_with_chainward(name: str) -> None:
    Path(name).mkdir()  # a folder is no plan
    assert shipped.find(name) == shipped.Found(shipped.place(name))
    assert shipped.load(name).name == name
    assert shipped.load(name).title


def test_a_file_here_goes_first_and_that_is_said() -> None:
    Path("demo.toml").touch()
    found = shipped.find("demo")
    assert found.path == Path("demo.toml")
    assert found.told == f"the plan is demo.toml, not {shipped.place('demo')}"
    Path("demo").touch()
    assert shipped.find("demo").told == "the plan is demo, not demo.toml"
    assert shipped.find("demo.toml") == shipped.Found(Path("demo.toml"))


def test_a_path_needs_no_ending_and_may_be_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    Path("my plans").mkdir()
    Path("my plans/of mine.toml").touch()
    for name in ("my plans/of mine", "my plans/of mine.toml", "~/my plans/of mine"):
        assert shipped.find(name).path.samefile("my plans/of mine.toml")


def test_what_is_there_and_no_file_is_left_to_the_reader() -> None:
    os.mkfifo("pipe")
    assert shipped.find("pipe") == shipped.Found(Path("pipe"))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Demo", "demo"),
        ("dmeo", "demo"),
        ("demo.toml", "demo"),
        ("benchmarks/line_up.toml", "line-up"),
        ("My Paln", "my plan"),
    ],
)
def test_the_closest_name_is_offered(name: str, meant: str) -> None:
    Path("my plan.toml").touch()
    with pytest.raises(UnknownName, match=f"did you mean '{meant}'"):
        shipped.find(name)


@given(st.text(max_size=300))
def test_any_text_is_a_plan_or_one_plain_line(name: str) -> None:
    told = ""
    try:
        shipped.find(name)
    except UnknownName as error:
        told = str(error)
    assert is_plain(told)
    assert len(told) < 2500


@pytest.mark.parametrize("name", ["../demo", "/demo", "./demo", "a" * 10_000, "demo\0", "~nobody/demo", "\x1b[31m", ""])
def test_nothing_but_a_bare_name_leads_to_a_plan_elsewhere(name: str) -> None:
    with pytest.raises(UnknownName, match="chainward list plans") as caught:
        shipped.find(name)
    assert is_plain(str(caught.value))
