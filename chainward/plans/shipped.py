"""Plans by name: those that come with chainward, and a file of one's own by its name without the ending."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chainward.errors import UnknownName
from chainward.folders import PLANS
from chainward.names import LONGEST, quoted, visible

if TYPE_CHECKING:
    from chainward.plans.plan import Plan

SUFFIX = ".toml"
LONGEST_PATH = 200
NAMES = ("demo", "line-up", "claims", "floors", "sensitivity", "oracle", "reference")
"""The plans that come with chainward; pyproject.toml puts these files into the wheel."""


@dataclass(frozen=True)
class Found:
    """Where a plan lies, and in `told` which others of that name it goes before; empty where there are none."""

    path: Path
    told: str = ""


def place(name: str) -> Path:
    """Return the file of a plan that comes with chainward."""
    return PLANS / f"{name}{SUFFIX}"


def load(name: str) -> Plan:
    """Return a plan that comes with chainward, without asking whether its data are here."""
    from chainward.plans import claims
    from chainward.plans.plan import Plan  # who asks for names alone need not wait for it

    document = tomllib.loads(place(name).read_text(encoding="utf-8"))
    return Plan.model_validate(claims.expanded({"name": name, **document}))


def find(name: str) -> Found:
    """Return the file of a plan: the path NAME, else NAME.toml, else the plan NAME that comes with chainward.

    Raises:
        UnknownName: there is none of them; the message offers the closest.
    """
    given = os.path.expanduser(name)  # noqa: PTH111 Path's raises where there is no such user
    files = [text for text in (given, given + SUFFIX) if os.path.isfile(text)]  # noqa: PTH113 any text may be asked for
    found = [*map(Path, files), *([place(name)] if name in NAMES else [])]
    if not found and os.path.exists(given):  # noqa: PTH110
        return Found(Path(given))  # whoever reads it says why it is no plan
    if not found:
        raise unknown(name)
    first, *others = found
    return Found(first, f"the plan is {first}, not {others[0]}" if others else "")


def unknown(name: str) -> UnknownName:
    """Return the error for a name or path at which there is no plan."""
    reach = {known.lower(): known for known in _within_reach()}
    close = difflib.get_close_matches(Path(name).name.removesuffix(SUFFIX)[:LONGEST].lower(), reach, n=1)
    suggestion = f"; did you mean {quoted(reach[close[0]])}?" if close else ""
    told = f"{visible(name[-LONGEST_PATH:])}: no such plan" if os.sep in name else f"no plan is called {quoted(name)}"
    return UnknownName(f"{told}{suggestion}; see `chainward list plans`, or give a TOML file")


def _within_reach() -> Iterator[str]:
    """The names under which `find` would find something."""
    yield from NAMES
    yield from sorted(path.stem for path in Path().glob(f"*{SUFFIX}"))
