"""Leaving rows out, each for the first reason that holds of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

Rule = tuple[str, "Callable[[pd.DataFrame], pd.Series[bool]]"]


def sieved(frame: pd.DataFrame, rules: Sequence[Rule]) -> tuple[pd.DataFrame, dict[str, int]]:
    """The rows that no rule leaves out, numbered from 0, and how many each did, where it did any.

    A rule is a reason and what says of the rows still there whether it holds.
    """
    excluded: dict[str, int] = {}
    for reason, holds in rules:
        out = holds(frame).to_numpy(dtype=bool)
        if out.any():
            excluded[reason] = int(out.sum())
        frame = frame[~out]
    return frame.reset_index(drop=True), excluded
