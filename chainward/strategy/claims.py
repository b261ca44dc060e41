"""What a paper claims, and all that decides it: the rule in words, the judge with its thresholds, the trials."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from chainward.errors import ChainwardError
from chainward.strategy import paper
from chainward.strategy.card import Tier

_POWERS = re.compile(r"1|[NR]( [NR])*")


@dataclass(frozen=True, kw_only=True)
class Law:
    """How a paper says that gas grows, for a line beside the measured one: words, no part of a rule.

    `of` is the gas of set-up, or of set-up and all rounds together. Each of `terms` is a number times N hospitals and R
    rounds as often as its name has them, as in "N N R"; "1" is a constant.
    """

    of: Literal["gas_setup", "gas_total"]
    terms: Mapping[str, float]

    def __post_init__(self) -> None:
        for name in self.terms:
            if not _POWERS.fullmatch(name):
                raise ValueError(f"terms: {name!r} is no product of N and R; write '1', 'N', 'N R', 'N N R'")

    def at(self, hospitals: float, rounds: float) -> float:
        """The gas of so many hospitals over so many rounds."""
        values = {"1": 1.0, "N": hospitals, "R": rounds}
        return sum(times * math.prod(values[one] for one in name.split()) for name, times in self.terms.items())


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim and its rule, fixed before any run.

    `reproduced` and `partly` say the rule in words (an empty `partly` says that there is no such verdict); the judge of
    that name decides by it with `arguments`, thresholds among them. `trials` are parts of a plan, all that it needs and
    each in its full setting: no other record is evidence. `awaits` are tasks of these trials that may not be here yet.

    `first_rule` marks a rule that stays as it was registered beside a second one for the same claim, and says why there
    is one. `identity` says what cannot fail by construction. `published_code` says how the authors' code does something
    else than their paper, where that is the verdict. `law` is what the paper says of how gas grows.
    """

    key: str
    claim: str
    tier: Tier
    quoted: str = ""
    reproduced: str
    partly: str
    judge: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    trials: tuple[Mapping[str, Any], ...] = ()
    awaits: tuple[str, ...] = ()
    first_rule: str = ""
    identity: str = ""
    published_code: str = ""
    law: Law | None = None

    def __post_init__(self) -> None:
        if self.published_code and (self.judge or self.trials):
            raise ValueError("published_code: is the verdict by itself; leave out judge and trials")
        if self.judge and not self.trials:
            raise ValueError(f"trials: a judge needs trials; say which {self.judge} looks at")

    @classmethod
    def of(cls, table: Mapping[str, Any], where: str) -> Claim:
        """Return the claim that a table holds, with a table `judge` of its name and arguments.

        Raises:
            ChainwardError: a field is missing, unknown or of a wrong type; the message is `where` and the field.
        """
        told = dict(table)
        judge = told.pop("judge", {"name": ""})
        if not isinstance(judge, Mapping) or not isinstance(judge.get("name"), str):
            raise ChainwardError(f"{where}: judge.name: name a judge, as in [claim.judge]")
        arguments = {name: value for name, value in judge.items() if name != "name"}
        return paper.checked(cls, {**told, "judge": judge["name"], "arguments": arguments}, where)

    def document(self) -> dict[str, Any]:
        """Return the claim as plain data, as its table has it."""
        document: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        arguments = document.pop("arguments")
        return document | {"judge": {"name": self.judge, **arguments} if self.judge else {"name": ""}}

    @property
    def rule(self) -> dict[str, str]:
        """Both sides of the rule in words."""
        return {"reproduced": self.reproduced, "partly": self.partly}

    @property
    def rule_digest(self) -> str:
        """The SHA-256, in hex, of the rule: its words, the judge with its thresholds, and the setting of its trials."""
        kept = ("reproduced", "partly", "judge", "arguments", "trials", "published_code")
        parts = {name: value for name, value in asdict(self).items() if name in kept}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def read(path: Path) -> tuple[Claim, ...]:
    """Return the claims in the TOML of a paper, in its order; none where there is no such file.

    Raises:
        ChainwardError: it is no TOML, or a claim is wrong or named twice; the message names file and field.
    """
    if not path.is_file():
        return ()
    document = paper.read(path)
    for name in document:
        if name not in ("card", "claim", "threat"):
            raise ChainwardError(f"{path.name}: no table {name!r}; it has card, claim and threat")
    tables = document.get("claim", [])
    if not isinstance(tables, list):
        raise ChainwardError(f"{path.name}: claim: write [[claim]], a table for each")
    claims = tuple(Claim.of(table, f"{path.name}: {_named(table, number)}") for number, table in enumerate(tables))
    for number, claim in enumerate(claims):
        if claim.key in {other.key for other in claims[:number]}:
            raise ChainwardError(f"{path.name}: claim {claim.key!r}: two have this key; give each its own")
    return claims


def _named(table: Any, number: int) -> str:
    """How a message calls a claim: by its key, where it has one."""
    key = table.get("key") if isinstance(table, Mapping) else None
    return f"claim {key!r}" if isinstance(key, str) else f"claim.{number}"
