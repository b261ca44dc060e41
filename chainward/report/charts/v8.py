"""A process of its own for V8, which aborts where memory is short: a line of Vega-Lite in, a line with its SVG out.

It is run as a file, not as a module, so that it imports nothing but vl-convert.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress

NOTHING = {"data": {"values": [{}]}, "mark": "point"}


def main() -> None:
    """Draw each line of standard input; what cannot be drawn is told by its reason."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # an abort leaves no file behind
    import vl_convert

    with suppress(Exception):
        vl_convert.vegalite_to_svg(NOTHING)  # V8 starts with its first chart: while the charts are still being made
    for line in sys.stdin:
        try:
            told = {"svg": vl_convert.vegalite_to_svg(json.loads(line))}
        except Exception as error:
            told = {"why": f"{type(error).__name__}: {error}"}
        sys.stdout.write(f"{json.dumps(told)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
