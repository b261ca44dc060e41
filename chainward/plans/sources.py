"""Source text by what it does: parsed, without comments, docstrings, imports for type checkers, and cards."""

from __future__ import annotations

import ast
import hashlib
import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

_PLACES = frozenset(("lineno", "col_offset", "end_lineno", "end_col_offset", "ctx", "kind", "type_comment"))


@dataclass(frozen=True)
class Source:
    """The SHA-256, in hex, of a module's effective text, and the names its imports could mean."""

    digest: str
    imports: tuple[str, ...]


@cache
def python(text: bytes) -> Source:
    """Return what a Python file comes to; one that does not parse is its bytes."""
    try:
        with warnings.catch_warnings(action="ignore"):  # what a compiler thinks of somebody's strings
            tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return Source(hashlib.sha256(text).hexdigest(), ())
    return Source(hashlib.sha256(_written(tree).encode()).hexdigest(), tuple(_imports(tree)))


@cache
def artifact(text: bytes) -> str:
    """Return the SHA-256, in hex, of what of a compiled contract is executed; of any other file, of its bytes."""
    try:
        document = json.loads(text)
        text = json.dumps([document["bytecode"], document["abi"]], sort_keys=True).encode()
    except (ValueError, TypeError, KeyError):
        pass
    return hashlib.sha256(text).hexdigest()


def _written(node: Any) -> str:
    """A syntax tree as text that is the same under every Python from 3.11 on.

    `ast.dump` is not: from 3.12 on it lists type parameters, from 3.13 on it leaves out what is empty. Here all that is
    empty is left out, so a field that a later Python adds shows only where it is used; constants are in ASCII, since
    what counts as printable moves with the Unicode tables.
    """
    if isinstance(node, list):
        return f"[{','.join(map(_written, node))}]"
    if isinstance(node, ast.Constant):
        return f"{type(node.value).__name__}:{node.value!a}"
    if not isinstance(node, ast.AST):
        return ascii(node)
    if _is_card(node):
        return "Card"
    if isinstance(node, ast.JoinedStr):  # Python 3.12 alone puts an empty piece after a nested format
        pieces = [piece for piece in node.values if not (isinstance(piece, ast.Constant) and piece.value == "")]
        return f"JoinedStr{_written(pieces)}"
    fields = ((name, _effective(value)) for name, value in ast.iter_fields(node) if name not in _PLACES)
    parts = [f"{name}={_written(value)}" for name, value in fields if value is not None and value != []]
    return f"{type(node).__name__}({','.join(parts)})"


def _effective(value: Any) -> Any:
    """A field of a node, without statements that do nothing: strings that stand alone, docstrings among them."""
    if not isinstance(value, list):
        return value
    return [item for item in value if not _is_prose(item) and not _is_for_type_checkers(item)]


def _is_prose(node: Any) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_for_type_checkers(node: Any) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _is_card(node: ast.AST) -> bool:
    """`Card(...)` or `Card.beside(...)`: facts the meter checks and words; what counts of them is hashed by itself."""
    if not isinstance(node, ast.Call):
        return False
    called = node.func.value if isinstance(node.func, ast.Attribute) and node.func.attr == "beside" else node.func
    return isinstance(called, ast.Name) and called.id == "Card"


def _imports(node: ast.AST) -> Iterator[str]:
    """Every name that is imported, anywhere in it: modules, and what is taken from them, which may be modules too."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module and not child.level:
            yield child.module
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif not _is_for_type_checkers(child):
            yield from _imports(child)
