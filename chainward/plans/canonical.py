"""One form of equal trials: to spell a default out, or to write 1 for 1.0, makes no other trial."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from pydantic_core import to_jsonable_python

from chainward import codec, plugins, tasks
from chainward.errors import ChainwardError
from chainward.ledgers import consensus
from chainward.ledgers.evm import BLOCK_GAS_LIMIT
from chainward.plans.resolve import published
from chainward.plans.specification import Specification
from chainward.strategy import discovery
from chainward.world import Speeds

Document = Mapping[str, Any]

_OURS = f"{plugins.OURS}:"
"""Before a key that another package has too; what is ours goes by its key alone in every record."""


def canonical(specification: Specification) -> Specification:
    """Return the trial with no parameter that equals what it is anyway, and every other as it is typed.

    So 1 for a number is 1.0, and a table within a parameter has all its fields. A strategy's or task's parameters are
    left as they are where they do not exist: whoever resolves the trial says so.

    Examples:
        >>> spelled = Specification("fedavg", "synthetic", 0, 30, {"weighted": True}, {"hospitals": 20})
        >>> canonical(spelled) == Specification("fedavg", "synthetic", 0, 30)
        True
    """
    return replace(
        specification,
        strategy=specification.strategy.removeprefix(_OURS),
        task=specification.task.removeprefix(_OURS),
        params=_of_strategy(specification),
        training=_of_training(specification),
        task_params=_of_task(specification.task, specification.task_params),
        faults=_faults(specification.faults),
        attack=specification.attack if specification.attack.get("share") else {},
        speeds=_unlike(specification.speeds, codec.fields(Speeds())),
        ledger_params=_of_ledger(specification.ledger_params),
    )


def _of_strategy(specification: Specification) -> Document:
    key, given = specification.strategy, specification.params
    try:
        beside = published(discovery.load(key), specification.track).get("params", {})
        built = discovery.build(key, {**beside, **given})
    except ChainwardError:
        return given
    return _beyond(built, lambda: discovery.build(key, beside), given)


def _of_training(specification: Specification) -> Document:
    try:
        beside = published(discovery.load(specification.strategy), specification.track).get("training", {})
        own = tasks.load(specification.task, **specification.task_params).training
    except ChainwardError:
        return specification.training
    return _unlike(specification.training, {**codec.fields(own), **beside})


def _of_task(key: str, given: Document) -> Document:
    try:
        built = tasks.load(key, **given)
    except ChainwardError:
        return given
    return _beyond(built, lambda: tasks.load(key), given)


def _beyond(built: Any, bare: Callable[[], Any], given: Iterable[str]) -> Document:
    """The given fields of what was built, without those that are the same where nothing is given."""
    default: Document = {}
    with suppress(ChainwardError):  # something must be given
        default = codec.fields(bare())
    return _unlike({name: getattr(built, name) for name in given}, default)


def _of_ledger(given: Document) -> Document:
    """Without what the consensus model has anyway and what a block holds; which model it is, is always said."""
    default: Document = {}
    with suppress(ChainwardError):
        default = {"gas_limit": BLOCK_GAS_LIMIT, **consensus.defaults(given.get("consensus", consensus.DEFAULT))}
    typed = {name: float(value) if type(default.get(name)) is float else value for name, value in given.items()}
    return _unlike(typed, default)


def _faults(given: Document) -> Document:
    """Rounds in order and once each, and nobody who is late by nothing."""
    absent = {name: sorted(set(rounds)) for name, rounds in given.get("absent", {}).items()}
    delay = {name: seconds for name, seconds in given.get("delay", {}).items() if seconds}
    return {kind: document for kind, document in (("absent", absent), ("delay", delay)) if document}


def _unlike(given: Document, default: Document) -> Document:
    """What is not to the letter the default, as plain JSON data."""
    plain = {name: to_jsonable_python(value) for name, value in sorted(given.items())}
    return {name: value for name, value in plain.items() if name not in default or _text(default[name]) != _text(value)}


def _text(value: Any) -> str:
    return json.dumps(to_jsonable_python(value), sort_keys=True)
