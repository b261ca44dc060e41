"""JSON Schema of records: `python -m chainward.results.schema FILE` writes it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pydantic.json_schema import GenerateJsonSchema

from chainward.results.record import adapter

CONTENT = {
    "description": "SHA-256 of the object without this field, which comes first.",
    "type": "string",
    "pattern": "^[0-9a-f]{64}$",
}


def schema() -> str:
    """Return the schema of the file, the digest of its content included, as text."""
    document = adapter().json_schema()
    for name in ("Completed", "Failed"):
        kind = document["$defs"][name]
        kind["properties"] = {"content": CONTENT, **kind["properties"]}
        kind["required"] = ["content", *kind["required"]]
    head = {"$schema": GenerateJsonSchema.schema_dialect, "title": "The record of one trial"}
    return json.dumps({**head, **document}, indent=1) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema(), encoding="utf-8")
