"""Strategies that do harm, installed the way third parties do."""

from __future__ import annotations

from pathlib import Path

_MODULE = """\
import os, subprocess, sys, time
from dataclasses import dataclass, replace

import psutil

from chainward.strategy.discovery import load

FedAvg = load("fedavg")


@dataclass(frozen=True)
class Hostile(FedAvg):
    card = replace(FedAvg.card, key={key!r})

    def round(self, state, world):
        {statement}
        return super().round(state, world)
"""


def install(place: Path, key: str, statement: str) -> Path:
    """A FedAvg of this key that does something first in each round; return the folder that a path needs."""
    information = place / f"{key}-1.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {key}\nVersion: 1\n")
    (information / "entry_points.txt").write_text(f"[chainward.strategies]\n{key} = hostile_{key}:Hostile\n")
    (place / f"hostile_{key}.py").write_text(_MODULE.format(key=key, statement=statement))
    return place
