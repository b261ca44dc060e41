"""How charts look, and an SVG that can stand in any page: themed by CSS, named for screen readers, safe to inline."""

from __future__ import annotations

import math
import re
from typing import Any
from xml.etree import ElementTree

from chainward.report.charts.patterns import hatch
from chainward.report.charts.theme import ACCENT, INK, LINE, NAMESPACE, PAPER, PARTS, SOFT
from chainward.report.formats import printable

__all__ = ["ACCENT", "INK", "LINE", "PAPER", "PARTS", "SOFT", "clean", "config", "finished"]

FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
"""First a font that vl-convert brings along: text is measured with it, so that layout is the same on every machine."""

MARKS = frozenset({"point", "bar", "circle", "square"})
"""What a page may say of a mark when it is pointed at; a chart's `description` of its marks gives the words."""

_LONG = re.compile(r"-?\d+\.\d{3,}(?:e-?\d+)?")


def config() -> dict[str, Any]:
    """Vega-Lite configuration: hair lines, one font, no frame."""
    axis = {
        "labelColor": SOFT,
        "titleColor": SOFT,
        "titleFontWeight": "normal",
        "domainColor": LINE,
        "tickColor": LINE,
        "gridColor": LINE,
        "gridOpacity": 0.6,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titlePadding": 8,
    }
    legend = {"labelColor": INK, "titleColor": SOFT, "labelFontSize": 11, "titleFontSize": 11, "symbolType": "square"}
    header = {"labelColor": INK, "titleColor": SOFT, "labelFontSize": 11, "labelFontWeight": "bold"}
    return {
        "font": FONT,
        "background": "transparent",
        "view": {"stroke": None},
        "axis": axis,
        "legend": legend,
        "header": header,
    }


def finished(svg: str, key: str, title: str, description: str) -> str:
    """What was drawn as one `<svg>` element with title and description; `key` keeps its ids apart from others'."""
    root = ElementTree.fromstring(svg)
    for element in root.iter():
        _tidy(element, key)
    hatch(root, key)
    named = (("title", title), ("desc", description))
    for place, (tag, text) in enumerate(named):
        child = ElementTree.Element(f"{{{NAMESPACE}}}{tag}", {"id": f"{key}-{tag}"})
        child.text = printable(text)
        root.insert(place, child)
    root.attrib.update({"role": "img", "aria-labelledby": f"{key}-title {key}-desc"})
    ElementTree.register_namespace("", NAMESPACE)
    return ElementTree.tostring(root, encoding="unicode")


def _tidy(element: ElementTree.Element, key: str) -> None:
    """Keep what is said of marks, drop what the title replaces, name ids after the chart, cut digits nobody can see."""
    if element.get("aria-roledescription") in MARKS and "aria-label" in element.attrib:
        element.set("data-tip", element.attrib["aria-label"])
    for name, value in list(element.attrib.items()):
        if name.startswith("aria-") or name in {"role", "class", "pointer-events"}:
            del element.attrib[name]
        elif name == "id":
            element.set(name, f"{key}-{value}")
        else:
            value = value.replace("url(#", f"url(#{key}-")
            element.set(name, _LONG.sub(lambda found: f"{float(found[0]):.2f}", value))


def clean(value: Any) -> Any:
    """A specification that XML and JSON can hold: every text printable, no number that is none."""
    if isinstance(value, dict):
        return {name: clean(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return printable(value) if isinstance(value, str) else value
