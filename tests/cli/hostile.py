"""Inputs nobody means well, and a folder in which it is seen what a command writes."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("CHAINWARD_HOSTILE", "300"))
"""How many of all kinds together; 2,000 take some five minutes."""


def examples(share: float) -> settings:
    """Hypothesis draws this share of all examples; each is a call of a command, so that some are slow."""
    return settings(
        max_examples=max(1, round(share * EXAMPLES)), deadline=None, suppress_health_check=[*HealthCheck], database=None
    )


NAMES = st.sampled_from(
    [
        *("fedavg", "local_only", "fedavgg", "synthetic", "heart", "hospital 1", "evm", "poa", "cohort", "none"),
        *("../evil", "/etc/passwd", "a/b", "..", ".", "", "__init__", "_x", "os:system", "x:fedavg", "flwr:FedAvg"),
        *(
            "flwr:../x",
            "flwr:__builtins__",
            "flwr:",
            ":",
            "~",
            "$HOME",
            "`id`",
            "%s",
            "{0}",
            "{{7*7}}",
            "[red]",
            "[/x]",
        ),
        *("\x1b[31m", "\x9b31m", "\x07", "\x7f", "a\nb", "a\rb", "\u202e", "\u2028", "é", "\U0001f600", "NaN", "inf"),
        *(
            "n" * 300,
            "n" * 5000,
            "key",
            "params",
            "model_config",
            "__class__",
            "name",
            "parts",
            "con",
            "a b",
            "-x",
            "--",
        ),
    ]
)
TEXTS = NAMES | st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)
INTEGERS = st.sampled_from([-1, 0, 1, 2, 10**5 + 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**30, 10**400])
FLOATS = st.sampled_from([float("nan"), float("inf"), -float("inf"), 1e308, -1.0, 0.0, 1e-300, 0.5, 1e19])
DATES = st.sampled_from([datetime.date(1979, 5, 27), datetime.datetime(1979, 5, 27, 7, 32), datetime.time(7, 32)])
PLAIN = TEXTS | INTEGERS | FLOATS | DATES | st.booleans()


@st.composite
def _deep(draw: st.DrawFn) -> Any:
    found: Any = draw(PLAIN)
    for wrap in draw(st.lists(st.sampled_from(["list", "table"]), min_size=15, max_size=40)):
        found = [found] if wrap == "list" else {"parts": found}
    return found


VALUES = (
    st.recursive(
        PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=5
    )
    | _deep()
    | st.lists(st.just("fedavg"), min_size=1001, max_size=1001)
)


@st.composite
def mutated(draw: st.DrawFn, document: Any, values: st.SearchStrategy[Any], most: int = 3) -> Any:
    """A document with values put in, taken out, renamed or added at places drawn from it."""
    for _ in range(draw(st.integers(0, most))):
        places = [*_places(document)]
        parent, name = draw(st.sampled_from(places))
        what = draw(st.sampled_from(["put", "put", "put", "drop", "add", "twice"]))
        if what == "drop":
            del parent[name]
        elif what == "add" and isinstance(parent, dict):
            parent[draw(TEXTS)] = draw(values)
        elif what == "twice" and isinstance(parent, list):
            parent.append(parent[name])
        else:
            parent[name] = draw(values)
        if not document:
            break
    return document


def _places(value: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    """Where something lies: container and name or number."""
    if isinstance(value, dict | list) and depth < 6:
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield value, name
            yield from _places(item, depth + 1)


def as_toml(document: Mapping[str, Any]) -> str:
    """TOML of anything, also of what TOML cannot hold."""
    return "\n".join(f"{_text(name)} = {_toml(value)}" for name, value in document.items()) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(name)} = {_toml(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return _text(value) if isinstance(value, str) else repr(value)


def _text(value: str) -> str:
    escaped = re.sub(r'[\x00-\x1f\x7f-\x9f"\\]', lambda found: f"\\u{ord(found[0]):04x}", value)
    return f'"{escaped}"'


# --- what a command leaves behind ----------------------------------------------------------------


def snapshot(root: Path, but: Path) -> dict[str, tuple[Any, ...]]:
    """Everything below `root` and outside `but`: kind, size, time of change, where a link leads."""
    found = {}
    for folder, folders, files in os.walk(root):
        if Path(folder) == but:
            folders.clear()
            continue
        for name in (*folders, *files):
            path = Path(folder, name)
            if path != but:
                state = path.lstat()
                link = str(path.readlink()) if path.is_symlink() else ""
                changed = 0 if path.is_dir() and not link else state.st_mtime_ns
                found[str(path)] = state.st_mode, state.st_size if changed else 0, changed, link
    return found


@contextmanager
def untouched(root: Path, but: Path) -> Iterator[None]:
    """Fail where something below `root` and outside `but` is written, made or removed."""
    before = snapshot(root, but)
    yield
    after = snapshot(root, but)
    assert [path for path in {**before, **after} if before.get(path) != after.get(path)] == []


def decent(outcome: Any, lines: int = 1) -> None:
    """What every command does whatever it is given: it leaves in order and in words, and nothing acts on a terminal.

    A refusal is one line, the last of `lines` where a run has begun.
    """
    told = outcome.out + outcome.err
    assert outcome.code in (0, 1, 2), told
    assert "Traceback" not in told
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\ud800-\udfff]", told), told
    if outcome.code == 2:
        assert outcome.out == ""
        assert len(outcome.err) < 6000
        *before, last = outcome.err.rstrip("\n").split("\n")
        clicks = outcome.err.startswith(("Usage: ", "Error: "))
        assert clicks or (last.startswith("chainward: ") and len(before) < lines), outcome.err
