"""A report folder as research data: an RO-Crate 1.1, whose metadata lie beside the page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from chainward import tasks
from chainward.errors import ChainwardError
from chainward.report.citation import ABOUT, AUTHORS, TITLE, citations, version_of
from chainward.report.tables.by_name import Tables
from chainward.report.tables.groups import Row
from chainward.results.folder import MANIFEST, PAPERS, PLAN
from chainward.results.manifest import Manifest

METADATA, SPECIFICATION = "ro-crate-metadata.json", "https://w3id.org/ro/crate/1.1"

Entity = dict[str, Any]

_FORMATS = {"html": "text/html", "json": "application/json", "csv": "text/csv", "toml": "application/toml"}
_KEPT = {
    MANIFEST: "SHA-256 of the content of every file that the report was rendered from, and their Merkle root",
    PAPERS: "Cards of the papers and their claims, as they were when the run ended",
    PLAN: "The plan as it was run",
    "index.html": "The report, one page that needs nothing else",
    "report.json": "Every table of the report",
    "leaderboard.json": "The leaderboard",
}
_FOLDERS = {
    "records/": "One trial a file: what was run, where, and what the meters saw",
    "predictions/": "What each trial predicted for every test patient, as NumPy's npz",
}


def crate(tables: Tables, manifest: Manifest, names: Iterable[str]) -> dict[str, Any]:
    """Return the metadata of a report folder with these files beside its manifest. Dates are those of the records."""
    kept = [MANIFEST, *(path for path in manifest.files if path in (PAPERS, PLAN))]
    files = [_file(name) for name in sorted({*kept, *names})]
    folders = [_folder(path) for path in _FOLDERS if any(name.startswith(path) for name in manifest.files)]
    papers, sources = list(_papers(tables)), list(_sources(tables["leaderboard"]))
    context = [*papers, *sources, *_makers(tables["provenance"]), *_run(manifest, tables["provenance"])]
    root = _root(manifest, tables["provenance"], [*files, *folders], papers, sources)
    return {"@context": f"{SPECIFICATION}/context", "@graph": [_descriptor(), root, *files, *folders, *context]}


def _descriptor() -> Entity:
    return {
        "@id": METADATA,
        "@type": "CreativeWork",
        "conformsTo": {"@id": SPECIFICATION},
        "about": {"@id": "./"},
    }


def _root(
    manifest: Manifest, machines: Sequence[Row], parts: list[Entity], papers: list[Entity], sources: list[Entity]
) -> Entity:
    return {
        "@id": "./",
        "@type": "Dataset",
        "name": f"{TITLE} report: {manifest.plan}",
        "description": f"{ABOUT}: the records of {len(manifest.trials)} trials, and what follows from them.",
        "datePublished": _days(machines)[1],
        "license": {"@id": "#licence"},
        "author": {"@id": "#authors"},
        "identifier": f"merkle-sha256:{manifest.merkle_root}",
        "hasPart": _references(parts),
        "citation": _references(papers),
        "isBasedOn": _references(sources),
        "mentions": [{"@id": "#run"}],
    }


def _references(entities: Iterable[Entity]) -> list[Entity]:
    return [{"@id": entity["@id"]} for entity in entities]


def _days(machines: Sequence[Row]) -> tuple[str, str]:
    """When the first and the last trial began; a day that is long past where there was none."""
    never = "1970-01-01"
    return min((row["first"] for row in machines), default=never), max((row["last"] for row in machines), default=never)


def _file(name: str) -> Entity:
    table = name.removesuffix(".csv").replace("_", " ")
    told = _KEPT.get(name, f"The table of {table}")
    return {"@id": name, "@type": "File", "name": told, "encodingFormat": _FORMATS[name.rpartition(".")[2]]}


def _folder(path: str) -> Entity:
    return {"@id": path, "@type": "Dataset", "name": path.rstrip("/"), "description": _FOLDERS[path]}


def _papers(tables: Tables) -> Iterator[Entity]:
    """The papers whose strategies were run."""
    for paper in citations(tables["cards"], tables["provenance"])[1:]:
        told = dict(paper.fields)
        place = {"url": f"https://doi.org/{paper.doi}"} if paper.doi else {}
        named = {"@id": f"#paper-{paper.key}", "@type": "ScholarlyArticle", "name": paper.title}
        yield {**named, "author": paper.authors, "datePublished": told["year"], "description": paper.text, **place}


def _sources(leaderboard: Sequence[Row]) -> Iterator[Entity]:
    """The tasks, with the licence and the citation of their patients' data where the task is here."""
    for task in dict.fromkeys(str(row["task"]) for row in leaderboard):
        entity = {"@id": f"#task-{_word(task)}", "@type": "Dataset", "name": task}
        try:
            kind = tasks.kind(task)
        except ChainwardError:
            yield entity
            continue
        yield {**entity, "description": " ".join(kind.citation.split()), "license": " ".join(kind.licence.split())}


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "-", text)[:64]


def _makers(machines: Sequence[Row]) -> list[Entity]:
    terms = "The records say nothing of a single patient but outcomes and predictions by number; for these the licence "
    return [
        {"@id": "#authors", "@type": "Organization", "name": AUTHORS},
        {
            "@id": "#licence",
            "@type": "CreativeWork",
            "name": "The licences of the data",
            "description": f"{terms}of their data holds, which each task names. The software is under Apache-2.0.",
        },
        {
            "@id": "#software",
            "@type": "SoftwareApplication",
            "name": TITLE,
            "softwareVersion": version_of(machines),
            "license": {"@id": "https://spdx.org/licenses/Apache-2.0"},
        },
    ]


def _run(manifest: Manifest, machines: Sequence[Row]) -> list[Entity]:
    first, last = _days(machines)
    plan = {"object": {"@id": PLAN}} if PLAN in manifest.files else {}
    told = {"name": manifest.command, "instrument": {"@id": "#software"}, "result": {"@id": "./"}}
    return [{"@id": "#run", "@type": "CreateAction", **told, **plan, "startTime": first, "endTime": last}]
