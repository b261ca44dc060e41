"""Results -> gas and latency by the number of hospitals, the law that they follow and the one that a paper quotes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chainward.codec import fields
from chainward.plans.specification import Specification
from chainward.report.tables.costs import gas_figures, latency_figures
from chainward.report.tables.groups import Group, Row
from chainward.report.tables.laws import fitted
from chainward.report.tables.words import canonical, describe_setting
from chainward.results.collection import Results
from chainward.strategy import claims

SIZES = 3
"""How many sizes of federation make a sweep."""

HOSPITALS = "hospitals"


@dataclass(frozen=True)
class Quantity:
    """What is held against hospitals: its value in a group of trials, None where it has none."""

    name: str
    label: str
    value: Callable[[Group], float | None]


QUANTITIES = (
    Quantity("gas_total", "measured", lambda one: gas_figures(one.completed)["gas_total"]),
    Quantity("gas_setup", "measured", lambda one: gas_figures(one.completed)["gas_deploy"]),
    Quantity("latency_total_s", "modelled", lambda one: latency_figures(one.completed)["latency_total_s"]),
)


def scaling_rows(groups: Sequence[Group], results: Results) -> list[Row]:
    """A row a size of each sweep and quantity; a sweep differs in the number of hospitals alone, and has three or more.

    `fitted`, `form`, `coefficients` and `r2` tell the law of the sweep by least squares (see `laws.fitted`), `quoted`
    what the paper's own law gives for that size. Gas of set-up is told only where a paper has a law of it; what spends
    no gas has none.
    """
    sweeps: dict[str, list[Group]] = defaultdict(list)
    for one in groups:
        if one.completed:
            sweeps[_key(one)].append(one)
    found = [sorted(sweep, key=_size) for sweep in sweeps.values() if len({_size(one) for one in sweep}) >= SIZES]
    laws = {name: paper.claims for name, paper in results.papers.items()}
    return [row for sweep in found for quantity in QUANTITIES for row in _rows(sweep, quantity, laws)]


def _rows(sweep: Sequence[Group], quantity: Quantity, papers: Mapping[str, Sequence[claims.Claim]]) -> Iterator[Row]:
    first = sweep[0].specification
    quoted = next((one for one in papers.get(first.strategy, ()) if one.law and one.law.of == quantity.name), None)
    values = [quantity.value(one) or 0.0 for one in sweep]
    law = fitted([_size(one) for one in sweep], values)
    if law is None or not any(values) or (quantity.name == "gas_setup" and quoted is None):
        return
    shared = {**sweep[0].identity, "setting": describe_setting(_sizeless(first)), "rounds": first.rounds}
    told = {"quantity": quantity.name, "source": quantity.label}
    found = {"form": law.form, "coefficients": list(law.coefficients), "r2": law.r2}
    paper = {"quoted_law": quoted.quoted if quoted else None, "tier": quoted.tier if quoted else None}
    for one, value in zip(sweep, values, strict=True):
        size = _size(one)
        theirs = quoted.law.at(size, first.rounds) if quoted and quoted.law else None
        figures = {"hospitals": size, "trials": len(one.completed), "value": value, "fitted": law.at(size)}
        yield {**shared, **told, **figures, **found, "quoted": theirs, **paper}


def _key(one: Group) -> str:
    """All that the sizes of a sweep share: everything but the seed and how many hospitals there are."""
    told = {name: value for name, value in fields(_sizeless(one.specification)).items() if name != "seed"}
    return canonical([told, one.records[0].digests.code])


def _sizeless(specification: Specification) -> Specification:
    return replace(
        specification, task_params=_without(specification.task_params), partition=_without(specification.partition)
    )


def _without(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != HOSPITALS}


def _size(one: Group) -> int:
    """Hospitals of its trials, which are as many in each seed."""
    return max(len(trial.hospitals) for trial in one.completed)
