"""Running a plan from a notebook or a script."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from chainward.api.results import Results
from chainward.codec import fields as fields_of
from chainward.errors import ChainwardError
from chainward.judges import checked_claims
from chainward.names import visible
from chainward.plans import file as plans
from chainward.plans import shipped
from chainward.plans.plan import Plan
from chainward.plans.written import as_toml
from chainward.report import write_tables
from chainward.results import folder
from chainward.results.provenance import provenance
from chainward.strategy import Strategy, discovery
from chainward.trials import runner, whole
from chainward.trials.alone import alone_in, writable
from chainward.trials.isolated import Limits
from chainward.trials.sweep import Job
from chainward.trials.workers import InProcess, Workers

with warnings.catch_warnings(action="ignore"):  # a notebook without widgets gets a bar of text
    from tqdm.auto import tqdm

PlanLike = Plan | Mapping[str, Any] | str | os.PathLike[str]
Kinds = tuple[type[Strategy[Any]], ...]


def run(
    plan: PlanLike | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    jobs: int = 1,
    trial_timeout: float | None = None,
    trial_memory: float | None = None,
    **fields: Any,
) -> Results:
    """Run a plan, write its report into a folder and return its results; what is on record there is not run again.

    Args:
        plan: the path of a TOML file, the name of a plan that comes with the installation, a `Plan`, or its fields as a
            mapping; none where `fields` are the whole plan.
        out: the folder of the report [reports/<plan name>].
        jobs: how many trials run side by side, each in a process of its own.
        trial_timeout: seconds after which a trial is ended and recorded as failed [no limit].
        trial_memory: MiB of memory above which a trial is ended and recorded as failed [no limit].
        **fields: what is put over the plan's fields, such as tasks=["heart"], seeds=1 or rounds=3.

    A strategy is a key, a mapping of its key and parameters, or a subclass of `Strategy` or an object of one, as typed
    into a cell. With such classes all trials run in this process, one after another: leave out jobs and limits. What
    they and what they use come to, without comments and docstrings, is part of what names their trials.

    A bar shows how far it is; TQDM_DISABLE=1 in the environment turns it off. Trials that failed are warned of, and
    `Results.failed` says why; so are parts of a plan that are left out, since their data are not here.

    Raises:
        ChainwardError: the plan, a field or the folder is wrong; the message names it and says how to mend it.
    """
    document, own = _with_names({} if not isinstance(plan, Mapping) else plan)
    over, more = _with_names(fields)
    own = tuple(dict.fromkeys((*own, *more)))
    with discovery.beside(own):
        loaded = _plan(document if isinstance(plan, Mapping) else plan, over)
        for key in sorted({strategy.key for leaf in loaded.leaves for strategy in leaf.strategies}):
            checked_claims(discovery.load(key))
        place = _place(own, jobs, Limits(trial_timeout, trial_memory))
        where = Path(out).expanduser() if out is not None else Path("reports") / loaded.name
        writable(where)
        with alone_in(where):
            return _run(loaded, where, place, _call(plan, fields))


def _run(plan: Plan, out: Path, place: runner.Place, command: str) -> Results:
    from chainward.trials import rates  # PyTorch loads for a second

    for missing in plan.left_out:
        warnings.warn(f"a part of the plan is left out: {missing}", stacklevel=3)
    place.prepare()
    for _ in whole.private_tasks(plan, out):
        pass  # what they come to is written to the folder
    chosen = {}
    for text, asked in rates.open_questions(plan).items():
        with tqdm(total=len(rates.GRID), unit="rate", desc=f"learning rate for {visible(asked.task)}") as bar:
            chosen[text] = rates.best(rates.scores(asked, bar.update))
    plan = rates.answered(plan, chosen)
    sweep, _ = whole.resumed(plan, out)
    with tqdm(total=len(sweep.identifiers), initial=len(sweep.skipped), unit="trial") as bar:

        def started(job: Job) -> None:
            bar.set_postfix_str(visible(job.specification.label))

        runner.run(sweep.jobs, out, place, plan.device, lambda job, record: bar.update(), started)
    found, manifest = folder.close(out, sweep.identifiers, plan.name, command, provenance(plan.device), as_toml(plan))
    results = Results(out, manifest, found)
    write_tables(results.tables, out, manifest)
    if failed := len(found.records) - len(found.completed):
        warnings.warn(f"{failed} of {len(found.records)} trials failed; failed() of the results says why", stacklevel=3)
    return results


def _plan(plan: PlanLike | None, over: Mapping[str, Any]) -> Plan:
    """The plan that is meant, with `over` put over its fields, and checked."""
    if isinstance(plan, Plan):
        plan = plan.model_dump(exclude_unset=True)
    if plan is None or isinstance(plan, Mapping):
        return plans.of_document("plan", {"name": "notebook", **(plan or {})}, over)
    return plans.read(shipped.find(os.fspath(plan)).path, over)


def _with_names(document: Mapping[str, Any]) -> tuple[dict[str, Any], Kinds]:
    """A plan's fields with classes and objects of strategies by name, and the classes that only the caller has."""
    own: list[type[Strategy[Any]]] = []

    def named(one: Any) -> Any:
        kind = one if isinstance(one, type) else type(one)
        if not issubclass(kind, Strategy):
            return one
        key = discovery.name_of(kind) if getattr(kind, "card", None) else kind.__name__
        if not _is_found(kind, key):
            own.append(kind)
        return {"key": key, **({} if kind is one else fields_of(one))}

    told = dict(document)
    if isinstance(told.get("strategies"), Iterable) and not isinstance(told["strategies"], str):
        told["strategies"] = [named(one) for one in told["strategies"]]
    return told, tuple(own)


def _is_found(kind: type[Strategy[Any]], key: str) -> bool:
    try:
        return discovery.load(key) is kind
    except ChainwardError:
        return False


def _place(own: Kinds, jobs: Any, limits: Limits) -> runner.Place:
    """Where trials run: in processes of their own, or in this one, which alone has the classes that were given."""
    if not isinstance(jobs, int) or jobs < 1:
        raise ChainwardError(f"jobs: write a number of processes from 1 up, not {jobs!r}")
    for name, limit in (("trial_timeout", limits.timeout_s), ("trial_memory", limits.memory_mib)):
        if limit is not None and not limit > 0:  # also where it is not a number
            raise ChainwardError(f"{name}: write a number above zero, not {limit!r}")
    if own and (jobs != 1 or limits != Limits()):
        names = ", ".join(kind.__name__ for kind in own)
        raise ChainwardError(f"jobs, trial_timeout, trial_memory: leave them out; only this process has {names}")
    return InProcess() if own else Workers(jobs, limits)


def _call(plan: PlanLike | None, fields: Mapping[str, Any]) -> str:
    """The call as the manifest tells it."""
    given = [] if plan is None else [repr(plan.name) if isinstance(plan, Plan) else repr(plan)]
    given = [repr(os.fspath(plan))] if isinstance(plan, os.PathLike) else given
    return f"chainward.run({', '.join([*given, *(f'{name}={_short(value)}' for name, value in fields.items())])})"


def _short(value: Any) -> str:
    if isinstance(value, type):
        return value.__name__
    return f"[{', '.join(map(_short, value))}]" if isinstance(value, list | tuple) else repr(value)
