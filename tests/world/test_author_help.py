"""What an author sees by `help()`: every query, form and name of the two packages that papers import from."""

from __future__ import annotations

import ast
import inspect
import pydoc

import pytest

import chainward.strategy
import chainward.world
from chainward.folders import REIMPLEMENTATIONS
from chainward.world import Query, query

HELP = pydoc.render_doc(chainward.world, renderer=pydoc.plaintext)
QUERIES = [name for name in chainward.world.__all__ if isinstance(getattr(chainward.world, name), Query)]


def entry(name: str) -> str:
    """What the package's docstring says under a name."""
    lines = inspect.cleandoc(str(chainward.world.__doc__)).splitlines()
    start = lines.index(name) + 1
    end = next(place for place, line in enumerate([*lines[start:], ""], start) if not line.startswith("    "))
    return " ".join(line.strip() for line in lines[start:end])


def said_beside(name: str) -> str:
    """What stands below a constant in its module."""
    body = ast.parse(inspect.getsource(query)).body
    names = [node.targets[0].id if isinstance(node, ast.Assign) else "" for node in body]  # type: ignore[attr-defined]
    told = body[names.index(name) + 1]
    assert isinstance(told, ast.Expr)
    assert isinstance(told.value, ast.Constant)
    return " ".join(str(told.value.value).split())


def test_there_are_queries() -> None:
    assert {"ACCURACY", "FIT", "PUBLISH"} <= set(QUERIES)
    assert {name for name, value in vars(query).items() if isinstance(value, Query)} == set(QUERIES)


@pytest.mark.parametrize("name", QUERIES)
def test_help_tells_a_query_as_its_module_does(name: str) -> None:
    first = said_beside(name).split(";")[0].split(".")[0].rstrip(".")
    assert entry(name).startswith(first)
    assert entry(name).split()[0] in HELP


@pytest.mark.parametrize("name", sorted(set(chainward.world.__all__)))
def test_help_names_everything(name: str) -> None:
    assert name in HELP
    value = getattr(chainward.world, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert inspect.getdoc(value)
    else:  # a constant or an alias has no docstring of its own
        assert name in str(chainward.world.__doc__)


@pytest.mark.parametrize("name", sorted(set(chainward.strategy.__all__)))
def test_help_names_what_a_strategy_needs(name: str) -> None:
    assert name in str(chainward.strategy.__doc__)


def test_help_tells_each_method_of_a_site() -> None:
    told = pydoc.render_doc(chainward.world.Site, renderer=pydoc.plaintext)
    methods = [
        name for name, value in vars(chainward.world.Site).items() if inspect.isfunction(value) and name[0] != "_"
    ]
    assert {"accuracy", "publish", "read", "minimise"} <= set(methods)
    for name in methods:
        assert " ".join(str(inspect.getdoc(getattr(chainward.world.Site, name))).split())[:40] in " ".join(told.split())


def test_papers_need_no_module_inside_these_packages() -> None:
    """What papers import from a module inside the packages is a name of the packages too."""
    for path in REIMPLEMENTATIONS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("chainward.world."):
                assert {alias.name for alias in node.names} <= set(chainward.world.__all__), path.name
