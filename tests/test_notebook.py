"""The notebook of the documentation does what it says, in an empty folder outside the repository."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import chainward
from chainward.folders import CHECKOUT

nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

NOTEBOOK = CHECKOUT / "docs" / "notebook" / "compare.ipynb"
SECONDS = 120


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("empty")


@pytest.fixture(scope="module")
def shown(folder: Path) -> list[dict[str, Any]]:
    """What each cell shows in the end, of those that show something."""
    import nbformat

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPATH", str(CHECKOUT))
        environment.setenv("IPYTHONDIR", str(folder / ".ipython"))
        environment.setenv("TQDM_DISABLE", "1")
        nbclient.NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(folder)}}).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    streams = [output for cell in cells for output in cell.outputs if output.output_type == "stream"]
    assert not streams, streams
    return [dict(cell.outputs[-1].data) for cell in cells if cell.outputs]


def test_is_kept_without_outputs_and_without_anybodys_paths(document: dict[str, Any]) -> None:
    for cell in document["cells"]:
        assert not cell.get("outputs")
        assert not cell.get("execution_count")
    assert document["metadata"].keys() == {"kernelspec", "language_info"}
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert "/home/" not in text
    assert os.sep + "tmp" not in text


def test_shows_results_frames_and_a_chart(shown: list[dict[str, Any]]) -> None:
    results, board, gas, aurocs, chart, compared, saved = shown
    assert "Results of notebook in reports/notebook: 2 trials" in results["text/html"]
    assert "<td>bflc</td>" in results["text/html"]
    assert {"bflc", "fedavg", "everyone", "coordinator"} <= set(board["text/plain"].split())
    assert "propose" in gas["text/plain"]
    assert "'fedavg at Hungary': 0." in aurocs["text/plain"]
    assert "vega" in chart["text/html"]
    assert '"label": "bflc"' in chart["text/html"]
    assert compared["text/plain"].count("my_median") == 2
    assert "my_median (quorum 4)" in compared["text/plain"]
    assert "comparison.html" in saved["text/plain"]


def test_leaves_a_report_that_anybody_can_load(shown: list[dict[str, Any]], folder: Path) -> None:
    assert shown
    results = chainward.load(folder / "reports" / "notebook")
    board = results.leaderboard().set_index("label")
    assert list(board.index) == ["fedavg", "my_median", "my_median (quorum 4)"]
    assert (board["failed"] == 0).all()
    assert board.loc["my_median", "auroc_minus_baseline"] != 0
    assert len(list((folder / "reports" / "notebook" / "records").iterdir())) == 4  # FedAvg's was not run again
    assert "A median of weights" in (folder / "comparison.html").read_text(encoding="utf-8")
    assert {path.name for path in folder.iterdir()} <= {"reports", "comparison.html", ".ipython", "lightning_logs"}
