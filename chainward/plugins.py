"""What installed packages bring: entry points of one group, by key, or by `package:key`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from packaging.utils import canonicalize_name

from chainward.errors import ChainwardError

OURS = "chainward"
"""The package that a name of ours may be written with, where another package has its key too."""


def keys(group: str) -> frozenset[str]:
    """Return the names of all entry points of a group."""
    return frozenset(entry_points(group=group).names)


def entries(group: str, key: str, package: str = "") -> tuple[EntryPoint, ...]:
    """Return the entry points of one key, each value once; those of one package where it is named."""
    found = entry_points(group=group, name=key)
    wanted = canonicalize_name(package)
    return tuple({entry.value: entry for entry in found if wanted in ("", package_of(entry))}.values())


def package_of(entry: EntryPoint) -> str:
    """Return the name of the package that an entry point belongs to, empty where it is not known."""
    return canonicalize_name(entry.dist.name) if entry.dist is not None else ""


def refuse_clash(group: str, key: str, what: str) -> None:
    """Refuse a key of ours that stands alone where an installed package has it too, so that it could mean either.

    Raises:
        ChainwardError: one has; the message names both packages and how each is written.
    """
    if others := entries(group, key):
        packages = [package for package in map(package_of, others) if package]
        written = " or ".join(f"{package}:{key}" for package in (OURS, *packages))
        theirs = " and ".join(f"{package_of(entry) or 'an installed package'} ({entry.value})" for entry in others)
        raise ChainwardError(
            f"{what} {key!r} is {OURS}'s and that of {theirs}; write {written}, or uninstall one or give it another key"
        )


def load(found: Sequence[EntryPoint], what: str) -> Any:
    """Return what the only one of these entry points names; `what` is the word for it in messages.

    Raises:
        ChainwardError: there are two, or it cannot be imported; the message names them.
    """
    entry, *others = found
    if others:
        names = " or ".join(f"{package}:{entry.name}" for package in map(package_of, found) if package)
        raise ChainwardError(
            f"two installed packages have a {what} {entry.name!r}: {entry.value} and {others[0].value}; "
            f"uninstall one{f', or write {names}' if names else ''}"
        )
    try:
        return entry.load()
    except Exception as error:
        raise ChainwardError(f"{what} {entry.name!r} of {entry.value} cannot be imported: {error}") from error
