"""Patterns beside colours: parts of a bar are told apart in grey and in print too."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree

from chainward.report.charts.theme import NAMESPACE, PAPER, PARTS

SIDE = 6
_STRIPES = ("M-1,7L7,-1M-1,1L1,-1M5,7L7,5", "", "M3,0V6", "M-1,7L7,-1M-1,-1L7,7")
_HATCHES: Mapping[str, str] = dict(zip(PARTS[1:], _STRIPES, strict=True))
"""The strokes on each part's colour but the first one's, which is plain; the empty one is dotted."""


def hatch(root: ElementTree.Element, key: str) -> None:
    """Fill what has a part's colour with its pattern, whose ids begin with `key`."""
    used = {}
    for element in root.iter():
        colour = element.get("fill", "")
        if colour in _HATCHES:
            used[colour] = f"{key}-part-{PARTS.index(colour) + 1}"
            element.set("fill", f"url(#{used[colour]})")
    if used:
        defs = ElementTree.Element(f"{{{NAMESPACE}}}defs")
        for colour in sorted(used, key=PARTS.index):
            defs.append(_pattern(used[colour], colour))
        root.insert(0, defs)


def _pattern(identifier: str, colour: str) -> ElementTree.Element:
    side = str(SIDE)
    told = {"id": identifier, "width": side, "height": side, "patternUnits": "userSpaceOnUse"}
    pattern = ElementTree.Element(f"{{{NAMESPACE}}}pattern", told)
    _add(pattern, "rect", width=side, height=side, fill=colour)
    if strokes := _HATCHES[colour]:
        _add(pattern, "path", d=strokes, stroke=PAPER, **{"stroke-width": "1"})
    else:
        for middle in ("1.5", "4.5"):
            _add(pattern, "circle", cx=middle, cy=middle, r="0.9", fill=PAPER)
    return pattern


def _add(parent: ElementTree.Element, tag: str, **attributes: str) -> None:
    ElementTree.SubElement(parent, f"{{{NAMESPACE}}}{tag}", attributes)
