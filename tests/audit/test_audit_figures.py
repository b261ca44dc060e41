"""Files of figures: what is refused, what a printed figure stands for, and those that come with the installation."""

from __future__ import annotations

import re
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from chainward.audit import Figures, Finding, Verdict, audit, open_figures
from chainward.audit.figures import Chain, Classifier, Fee, Interval, Throughput, Training, Transaction
from chainward.audit.forks import FORKS
from chainward.audit.printed import printed
from chainward.errors import ChainwardError
from chainward.folders import CHECKOUT, FIGURES

HEAD = 'title = "A paper"\nwhere = "A journal"\ntier = "T3"\n'
ONE = '[[transaction]]\nfigure = "table 1"\nquoted = "21,000"\n'


def opened(folder: Path, text: str) -> str:
    """The complaint about a file with this text."""
    path = folder / "figures.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ChainwardError) as caught:
        open_figures(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("title = ", "figures.toml: "),
        (HEAD, "no figure"),
        (HEAD + ONE, "transaction.0.gas"),
        (HEAD + ONE + 'gas = "much"', "'much': write a figure as it is printed"),
        (HEAD + ONE + "gas = 21000.5", "21000.5: write a figure as it is printed"),
        (HEAD + ONE + 'gas = "1"\nfees = 2', "fees"),
        (HEAD + ONE + 'gas = "1"\nnonzero = 2', "give calldata too"),
        (HEAD + ONE + 'gas = "1"\nnew_slots = -2', "new_slots"),
        (HEAD + ONE + 'gas = "1"\ncreations = 2', "count them there too"),
        (HEAD + ONE + 'gas = "1"\ncode_bytes = 2', "give creations too"),
        (HEAD + ONE + 'gas = "1"\nlogs = 1\ntopics = 5', "four at most"),
        (HEAD + 'chain = { fork = "tokyo" }\n' + ONE + "gas = 1", "chain.fork"),
        (HEAD.replace("T3", "T9") + ONE + "gas = 1", "tier"),
        (HEAD + "papers = 3\n" + ONE + "gas = 1", "no field 'papers'"),
        (HEAD + '[[fee]]\nfigure = "a"\nquoted = "b"\ngas = 3', "ether: missing"),
        (HEAD + '[[fee]]\nfigure = "a"\nquoted = "b"\nether = "1"\ngwei = "0"', "is no price"),
        (HEAD + '[[classifier]]\nfigure = "a"\nquoted = "b"', "give one"),
        (HEAD + '[[classifier]]\nfigure = "a"\nquoted = "b"\naccuracy = "1"\npositives = 3', "give patients too"),
        (HEAD + '[[interval]]\nfigure = "a"\nquoted = "b"\nof = "auroc"\nvalue = "1"\nlow = "0"', "give both or none"),
    ],
)
def test_refused(tmp_path: Path, text: str, told: str) -> None:
    assert told in opened(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("0.50", "0.495", "0.51"),
        ("98 %", "0.975", "0.99"),
        ("98.20%", "0.98195", "0.9821"),
        ("21,000", "20500", "22000"),
        ("21,001", "21000.5", "21002"),
        ("100", "99.5", "101"),
        ("0", "0", "1"),
        ("-0.2", "-0.3", "-0.15"),
    ],
)
def test_what_is_printed_stands_for(text: str, low: str, high: str) -> None:
    found = printed(text)
    assert (found.low, found.high) == (Fraction(low), Fraction(high))
    assert found.low <= found.value < found.high or text.startswith("-")


@pytest.mark.parametrize("text", ["", "1,00", "1.2.3", "1e5", "٣", "nan", "1" * 25, True, 1.5, None, "98 percent"])
def test_what_is_no_printed_figure(text: object) -> None:
    with pytest.raises(ValueError, match="write a figure as it is printed"):
        printed(text)


NUMBERS = st.sampled_from(["0", "0.000", "98.2 %", "100 %", "101 %", "-3", "21,000", "0.1" + "0" * 20, 0, 7, 10**9, -1])


@settings(max_examples=300)
@given(st.sampled_from([Transaction, Throughput, Fee, Classifier, Interval, Training]), st.data())
def test_whatever_is_printed_is_refused_or_judged(kind: Any, data: st.DataObject) -> None:
    """Never a division by nothing, and never a search without end."""
    names = [one.name for one in fields(kind) if one.name not in ("figure", "quoted", "reading", "of")]
    told = {name: data.draw(NUMBERS) for name in names if data.draw(st.booleans())}
    told |= {"of": data.draw(st.sampled_from(["share", "auroc"]))} if kind is Interval else {}
    try:
        one = kind(figure="table 1", quoted="as printed", **told)
    except ValidationError:
        return
    chain = Chain(fork=data.draw(st.sampled_from([*FORKS])), block_time_s=data.draw(st.sampled_from([None, 1e-9, 3.0])))
    figures = Figures(title="A paper", where="here", tier="T3", chain=chain, **{kind.__name__.lower(): (one,)})
    assert all(finding.derivation for finding in audit(figures))


def found(name: str) -> list[Finding]:
    return list(audit(open_figures(FIGURES / f"{name}.toml")))


def test_published_figures_come_out_as_they_are_told() -> None:
    """The four cases that started it, each with what it rests on."""
    fled = found("fled_block")
    assert [(one.check, one.verdict) for one in fled] == [
        ("weighted mean", Verdict.IMPOSSIBLE),
        ("harmonic mean", Verdict.POSSIBLE),
    ]
    stored, event, data, *rest = found("scirep_07807")
    assert (stored.verdict, event.verdict, data.verdict) == (
        Verdict.IMPOSSIBLE,
        Verdict.IMPLAUSIBLE,
        Verdict.IMPLAUSIBLE,
    )
    assert "= 43,228 under cancun" in stored.derivation
    assert {one.verdict for one in rest} == {Verdict.POSSIBLE}
    carried, kept = found("ijcesen_4055")
    assert (carried.verdict, kept.verdict) == (Verdict.POSSIBLE, Verdict.IMPOSSIBLE)
    assert "93 bytes of calldata that are not zero, or no new slots of storage" in carried.derivation
    (trained,) = found("bmri_5038851")
    assert trained.verdict == Verdict.IMPLAUSIBLE
    assert "36 patients a side" in trained.derivation


def test_figures_of_the_papers_here_are_possible() -> None:
    """Had our own line-up figures that cannot be, its claims would be about nothing."""
    for name in ("two_cp", "blockflow", "verifiable_fl", "danku"):
        assert {one.verdict for one in found(name)} == {Verdict.POSSIBLE}, name


def test_every_file_that_comes_along_says_where_from() -> None:
    files = sorted(FIGURES.glob("*.toml"))
    assert len(files) >= 8
    for path in files:
        told = open_figures(path)
        assert told.tier != "T3"
        assert all(one.derivation and one.quoted for one in audit(told))


def test_the_example_in_the_documentation_is_a_file_of_figures(tmp_path: Path) -> None:
    page = (CHECKOUT / "docs" / "audit.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```toml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    path = tmp_path / "figures.toml"
    path.write_text(block, encoding="utf-8")
    assert [(one.check, one.verdict) for one in audit(open_figures(path))] == [
        ("least gas", Verdict.IMPOSSIBLE),
        ("weighted mean", Verdict.IMPOSSIBLE),
        ("whole patients", Verdict.POSSIBLE),
        ("one table", Verdict.IMPOSSIBLE),
    ]


def test_the_table_in_the_documentation_has_the_constants() -> None:
    """Each column of forks, read from the page."""
    page = (CHECKOUT / "docs" / "audit.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| a ")]
    told = {row[0]: row[1:] for row in rows}
    for column, name in enumerate(("frontier", "homestead", "istanbul", "berlin", "london", "prague")):
        fork = FORKS[name]  # type: ignore[index]
        assert told["a transaction"][column] == f"{fork.transaction:,}"
        assert told["a word of storage, new"][column] == f"{fork.new_slot + fork.cold_slot:,}"
        assert told["a word of storage, changed"][column] == f"{fork.changed_slot + fork.cold_slot:,}"
        assert told["a byte of calldata, zero or other"][column].startswith(f"{fork.zero_byte}, {fork.other_byte}")
        assert told["a byte of code that stays"][column] == str(fork.code_byte)
