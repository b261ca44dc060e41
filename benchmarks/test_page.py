"""How soon a browser shows the reference report: `pytest benchmarks/test_page.py -m slow`; $CHROMIUM names a browser.

Slow-marked, and a claim about time: not for a busy machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import launched

from chainward.report import write_report
from chainward.results.folder import opened, read_manifest

REFERENCE = Path(__file__).parents[1] / "reports" / "reference"
MOST_PAINT_MS, MOST_BYTES = 1000, 3_000_000

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of the reference report, rendered anew."""
    folder = tmp_path_factory.mktemp("reference")
    write_report(opened(REFERENCE, manifest := read_manifest(REFERENCE)), [], folder, manifest)
    page = folder / "index.html"
    assert page.stat().st_size <= MOST_BYTES
    return page.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as browser:
        yield browser


def painted_ms(browser: Any, address: str) -> float:
    """Milliseconds from the start of the navigation to the first contentful paint."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(address)
    page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
    milliseconds = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    page.close()
    return float(milliseconds)


def test_first_paint(benchmark: Any, browser: Any, address: str) -> None:
    painted = [painted_ms(browser, address) for _ in range(5)]
    benchmark.pedantic(painted_ms, args=(browser, address), rounds=3)
    benchmark.extra_info["first contentful paint, ms"] = painted
    assert min(painted) <= MOST_PAINT_MS
