"""A whole report folder: its trials, its papers, and the manifest that names every file by digest."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

from chainward.errors import ChainwardError
from chainward.files import replace_file, replace_files
from chainward.results import manifest as manifests
from chainward.results import papers
from chainward.results.check import Sound, partition, unchanged
from chainward.results.collection import Results
from chainward.results.document import Unsound, decode, digest, encode
from chainward.results.manifest import Manifest, manifest_of
from chainward.results.papers import Papers, papers_of
from chainward.results.record import Provenance
from chainward.results.store import PredictionFiles, content, predictions_name, record_name

MANIFEST, PAPERS, PLAN = "manifest.json", "papers.json", "plan.toml"
LARGEST_PLAN = 1 << 24
"""Bytes; what a plan's reader takes is less."""


def close(
    out: Path, identifiers: Iterable[str], plan: str, command: str, environment: Provenance, text: str = ""
) -> tuple[Results, Manifest]:
    """Write the papers as they are now, the plan as `text` where there is one, and the manifest over its trials.

    Return the manifest and the results.

    Raises:
        ChainwardError: a trial is not sound, or the folder cannot be written.
    """
    trials = _all(*partition(out, identifiers, {}))
    told = papers_of(trial.record.specification.strategy for trial in trials)
    written = {PAPERS: encode(papers.adapter(), told)} | ({PLAN: text.encode()} if text else {})
    files = {path: value for trial in trials for path, value in trial.files.items()}
    files |= {path: digest(data) for path, data in written.items()}
    replace_files({out / path: data for path, data in written.items()})
    manifest = manifest_of(files, plan, command, environment)
    write_manifest(out, manifest)
    return _results(out, trials, told), manifest


def opened(out: Path, manifest: Manifest) -> Results:
    """Return the results that a manifest names.

    Raises:
        ChainwardError: a file is not as the manifest says; the message names every one.
    """
    trials, problems = partition(out, manifest.trials, manifest.files)
    problems += _plan_problems(out, manifest)
    told: Papers = {}
    try:
        told = _papers(out, manifest)
    except Unsound as problem:
        problems.append(str(problem))
    return _results(out, _all(trials, [*problems, *_root(manifest)]), told)


def verify(out: Path, manifest: Manifest) -> list[str]:
    """Return what is wrong with the files of a report folder, in words."""
    problems = partition(out, manifest.trials, manifest.files)[1] + _plan_problems(out, manifest)
    try:
        _papers(out, manifest)
    except Unsound as problem:
        problems.append(str(problem))
    return [*problems, *_root(manifest)]


def read_plan(out: Path, manifest: Manifest) -> str:
    """Return the plan as TOML; empty where the manifest names none, as before there were any.

    Raises:
        Unsound: it is missing, was changed or is no TOML.
    """
    if PLAN not in manifest.files:
        return ""
    data = content(out / PLAN, PLAN, LARGEST_PLAN)
    unchanged({PLAN: digest(data)}, manifest.files, f"{PLAN} was changed")
    try:
        tomllib.loads(text := data.decode())
    except (ValueError, RecursionError):
        raise Unsound(f"{PLAN} is no TOML") from None
    return text


def forget(out: Path, manifest: Manifest, identifiers: Sequence[str]) -> None:
    """Take trials that are about to be run again out of the manifest, which else would call them changed."""
    gone = {name(identifier) for identifier in identifiers for name in (record_name, predictions_name)}
    if gone & manifest.files.keys():
        kept = {path: value for path, value in manifest.files.items() if path not in gone}
        write_manifest(out, manifest_of(kept, manifest.plan, manifest.command, manifest.environment))


def write_manifest(out: Path, manifest: Manifest) -> None:
    """Write the manifest of a report folder, a line a file so that two can be compared."""
    replace_file(out / MANIFEST, encode(manifests.adapter(), manifest, indent=2))


def read_manifest(out: Path) -> Manifest:
    """Return the manifest of a report folder.

    Raises:
        ChainwardError: there is none, or this is no manifest.
    """
    if not (out / MANIFEST).exists():
        raise ChainwardError(f"{out}: no {MANIFEST}; `chainward run` writes it at the end of a plan")
    try:
        return decode(manifests.adapter(), content(out / MANIFEST, "it"))
    except Unsound as problem:
        raise ChainwardError(f"{out / MANIFEST}: {problem}; run the plan again") from None


def _results(out: Path, trials: Iterable[Sound], told: Papers) -> Results:
    ordered = sorted((trial.record for trial in trials), key=lambda record: record.order)
    return Results(tuple(ordered), told, PredictionFiles(out))


def _all(trials: list[Sound], problems: Sequence[str]) -> list[Sound]:
    if problems:
        raise Unsound("; ".join(problems))
    return trials


def _papers(out: Path, manifest: Manifest) -> Papers:
    data = content(out / PAPERS, PAPERS)
    unchanged({PAPERS: digest(data)}, manifest.files, f"{PAPERS} was changed")
    try:
        return decode(papers.adapter(), data)
    except Unsound as problem:
        raise Unsound(f"{PAPERS}: {problem}") from None


def _plan_problems(out: Path, manifest: Manifest) -> list[str]:
    try:
        read_plan(out, manifest)
    except Unsound as problem:
        return [str(problem)]
    return []


def _root(manifest: Manifest) -> list[str]:
    return [] if manifest.whole else ["the manifest's Merkle root does not belong to its files"]
