"""Reading a strategy's own source for what it must not touch."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from chainward.testing.watching import OFF_LIMITS

INTERFACE = ("chainward.strategy", "chainward.world", "chainward.methods")
"""What of chainward a strategy may import."""

_OF_NAMED_TUPLES = frozenset({"_replace", "_asdict", "_fields", "_make"})
_UNMETERED = {"World": OFF_LIMITS, "Site": frozenset({"store", "trainer", "cost"})}
_BEHIND_THE_CHAIN = frozenset({"ledger", "meter", "clock", "absent"})


def private_uses(path: Path) -> list[str]:
    """Return where a module uses an underscore attribute of anything but itself, or an unmetered part of the world."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [*_underscores(tree), *_unmetered(tree)]
    return [f"{path.name}:{line}: {text}" for line, text in sorted(found)]


def foreign_imports(path: Path) -> list[str]:
    """Return what a module imports of chainward beyond the interface for strategies."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    ours = [name for name in names if name.split(".")[0] == "chainward"]
    return [name for name in ours if not any(name == part or name.startswith(f"{part}.") for part in INTERFACE)]


def _underscores(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Call) and _is_private(node):
            yield node.lineno, ast.unparse(node)


def _is_private(node: ast.Attribute | ast.Call) -> bool:
    """Whether this reads an underscore attribute of anything but itself, or an attribute that is not in the text."""
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) in ("getattr", "vars")
    hidden = node.attr == "__dict__" or (node.attr.startswith("_") and not node.attr.startswith("__"))
    return hidden and node.attr not in _OF_NAMED_TUPLES and ast.unparse(node.value) not in ("self", "cls")


def _unmetered(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Attributes that carry no meter: of parameters annotated as World or Site, and of anything's `chain`."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            arguments = {argument.arg: argument.annotation for argument in function.args.args}
            kinds = {name: ast.unparse(kind).split(".")[-1] for name, kind in arguments.items() if kind}
            for node in ast.walk(function):
                if isinstance(node, ast.Attribute) and node.attr in _forbidden(node.value, kinds):
                    yield node.lineno, ast.unparse(node)


def _forbidden(owner: ast.expr, kinds: Mapping[str, str]) -> frozenset[str]:
    if isinstance(owner, ast.Attribute) and owner.attr == "chain":
        return _BEHIND_THE_CHAIN
    return _UNMETERED.get(kinds.get(owner.id, ""), frozenset()) if isinstance(owner, ast.Name) else frozenset()
