"""The forms of a report by name, each with the files that it writes; the first of them is where a reader begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chainward.report.exports.latex import latex
from chainward.report.exports.markdown import markdown
from chainward.report.exports.sheets import sheets
from chainward.report.exports.site import site
from chainward.report.page.origin import Origin
from chainward.report.tables.by_name import Tables
from chainward.report.tables.scenarios import Assumptions
from chainward.results.manifest import Manifest

Form = Callable[[Tables, Manifest | None, Assumptions, Origin], Mapping[str, str]]
"""Tables and where they come from -> the text of each file by its path in the folder of the report."""


def _under(folder: str, texts: Mapping[str, str]) -> dict[str, str]:
    return {f"{folder}/{name}": text for name, text in texts.items()}


FORMS: Mapping[str, Form] = {
    "markdown": lambda tables, manifest, _, origin: {"report.md": markdown(tables, manifest, origin)},
    "latex": lambda tables, *_: {"tables.tex": latex(tables)},
    "bom": lambda tables, *_: _under("sheets", sheets(tables)),
    "site": lambda *told: _under("site", site(*told)),
}
