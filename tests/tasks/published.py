"""Invented records in published layouts, written by tests."""

import gzip


def write(folder, name, header, rows, *, upper=False, compressed=False):
    """A table of the layout: names of columns in capitals or not, the file compressed or not."""
    lines = [header.upper() if upper else header, *(",".join(map(str, row)) for row in rows)]
    data = ("\n".join(lines) + "\n").encode()
    path = folder / (f"{name}.gz" if compressed else name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if compressed else data)
    return path
