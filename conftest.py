"""Examples in docstrings and in docs/ are tests: `pytest chainward docs` runs them."""

from pathlib import Path

from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser
from sybil.parsers.rest import DocTestParser
from sybil.sybil import SybilCollection


def _reads_as_a_plan(example: Example) -> None:
    from chainward.plans.file import read

    plan: Path = example.namespace["tmp_path"] / "plan.toml"
    plan.write_text(example.parsed, encoding="utf-8")
    read(plan, {})


pytest_collect_file = SybilCollection(
    [
        Sybil([DocTestParser()], path="chainward", pattern="*.py"),
        Sybil([PythonCodeBlockParser()], path="docs", pattern="*.md"),
        Sybil([CodeBlockParser("toml", _reads_as_a_plan)], path="docs", pattern="plans.md", fixtures=["tmp_path"]),
    ]
).pytest()
