"""The colours of charts."""

NAMESPACE = "http://www.w3.org/2000/svg"

# Each colour is a CSS variable of the page with a fallback for an SVG that stands alone.
INK = "var(--ink, #1c1b19)"
SOFT = "var(--soft, #6b6862)"
LINE = "var(--line, #dcd8d0)"
PAPER = "var(--paper, #ffffff)"
ACCENT = "var(--accent, #8a3324)"
PARTS = tuple(
    f"var(--part-{i}, {colour})" for i, colour in enumerate(("#3d5a80", "#6f9ab8", "#b9b4a7", "#c9803f", "#7d4f73"), 1)
)
