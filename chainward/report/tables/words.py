"""Settings and attacks in words, for readers: what is looked up is looked up by the whole specification."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from chainward.codec import fields
from chainward.plans.specification import Specification
from chainward.report.tables.scenarios import scenario
from chainward.tasks.division import BY_PATIENT, FEDERATED

# What may tell two rows of one table apart. All else in a specification but the seed is the setting they share.
VARIANT = ("strategy", "params", "rounds")
TUNED, COMMON = "tuned", "common"
"""A reference tuned on its validation patients stands beside what it reaches on the common track."""


def setting_of(specification: Specification) -> dict[str, Any]:
    """What every row of one table shares."""
    told = {name: value for name, value in fields(specification).items() if name not in (*VARIANT, "seed")}
    return told | {"track": COMMON if specification.track == TUNED else specification.track}


def words_of(trials: Sequence[Specification], settings: Sequence[str]) -> dict[str, str]:
    """Each setting in words; where two of a task have the same ones, with a few digits that tell them apart."""
    found = {setting: describe_setting(one) for setting, one in zip(settings, trials, strict=True)}
    tasks = {setting: one.task for setting, one in zip(settings, trials, strict=True)}
    alike = Counter((tasks[setting], words) for setting, words in found.items())
    return {
        setting: words if alike[tasks[setting], words] == 1 else f"{words} · {_digits(setting)}"
        for setting, words in found.items()
    }


def _digits(setting: str) -> str:
    return hashlib.sha256(setting.encode()).hexdigest()[:8]


def describe_attack(specification: Specification) -> str:
    """An attack in words, e.g. `sign flip, strength 4, by 30 % of hospitals`; empty where nobody attacks."""
    attack = specification.attack
    if not attack:
        return ""
    kinds = " and ".join(str(kind).replace("_", " ") for kind in (attack["kind"], *attack.get("also", ())))
    form = f" ({attack['form']})" if attack.get("form") else ""
    return f"{kinds}{form}, strength {attack['strength']:.10g}, by {100 * attack['share']:.10g}% of hospitals"


def describe_faults(specification: Specification) -> str:
    """Faults in words, e.g. `drop 0.3`; empty where there are none."""
    return _words(specification.faults)


def describe_setting(specification: Specification) -> str:
    """A setting in words, e.g. `common track · evm: poa, period_s 5, … · cohort engine`."""
    told = setting_of(specification)
    changed = [f"{name}: {_words(told[name])}" for name in ("engine_params", "speeds", "training") if told[name]]
    parts = [
        _words(told["task_params"]),
        f"{told['track']} track",
        "" if specification.split == BY_PATIENT else specification.split,
        f"partition: {_words(specification.partition)}" if specification.partition else "",
        "" if specification.preparation == FEDERATED else f"{specification.preparation} preparation",
        scenario(specification).chain,
        f"{told['engine']} engine",
        *changed,
        f"faults: {describe_faults(specification)}" if told["faults"] else "no faults",
        describe_attack(specification),
    ]
    return " · ".join(part for part in parts if part)


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {plain(values[name])}" for name in sorted(values))


def plain(value: Any) -> str:
    """A parameter as a reader would write it: text bare, anything else as JSON."""
    return value if isinstance(value, str) else canonical(value)


def canonical(value: Any) -> str:
    """JSON with sorted keys, equal for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
