"""The leaderboard, the costs and the claims as LaTeX tables, to be read into a document by `\\input`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from chainward.report.exports.rows import figure, main_settings, name, outcome, rank
from chainward.report.tables.by_name import Tables
from chainward.report.tables.groups import Row
from chainward.report.tex import tex

LONGEST = 600
"""Letters of one text from outside."""

HEAD = r"""% Tables of a chainward report. In the preamble: \usepackage{booktabs,longtable,textcomp}
% Latency and USD are modelled, all else is measured; = marks rows not told apart from the best paper."""

Cells = Iterable[Iterable[object]]


def latex(tables: Tables) -> str:
    """Return three tables with booktabs' rules: for each task leaderboard and costs, and all claims."""
    parts = [HEAD]
    for number, (told, rows) in enumerate(main_settings(tables), 1):
        about = f"{told['task']}: {told['setting']}"
        parts += [_leaderboard(rows, about, number), _costs(rows, about, number)]
    return "\n\n".join([*parts, *_claims(tables["claims"])]) + "\n"


def _leaderboard(rows: Sequence[Row], about: str, number: int) -> str:
    columns = ("Strategy", "Rank", "AUROC [95 %]", "Minus fedavg", "Gas, total", "Latency, s", "Sees updates")
    cells = ((name(row), rank(row), *outcome(row)) for row in rows)
    return _table("lrrrrrl", columns, cells, f"Leaderboard. {about}", f"leaderboard-{number}")


def _costs(rows: Sequence[Row], about: str, number: int) -> str:
    columns = ("Strategy", "Gas, set-up", "Gas a round", "Gas, total", "USD", "s a round", "s, total", "Bytes a round")
    styles = {
        "gas_deploy": "integer",
        "gas_per_round": "integer",
        "gas_total": "integer",
        "usd": "usd",
        "latency_per_round_s": "significant",
        "latency_total_s": "significant",
        "bytes_per_round": "bytes",
    }
    cells = ((name(row), *(figure(row, key, style) for key, style in styles.items())) for row in rows)
    return _table("lrrrrrrr", columns, cells, f"Costs. {about}", f"costs-{number}")


def _table(shape: str, columns: Iterable[str], rows: Cells, caption: str, label: str) -> str:
    head = [r"\begin{table}", r"\centering\small", rf"\caption{{{_told(caption)}}}\label{{tab:{label}}}"]
    lines = [rf"\begin{{tabular}}{{@{{}}{shape}@{{}}}}", r"\toprule", _line(columns), r"\midrule", *map(_line, rows)]
    return "\n".join([*head, *lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"])


def _claims(rows: Sequence[Row]) -> Iterator[str]:
    """Each claim with its verdict, on as many pages as it takes."""
    if not rows:
        return
    columns = ("Strategy", "Claim", "Tier", "Verdict", "Found")
    shape = r"@{}lp{0.34\linewidth}lp{0.14\linewidth}p{0.22\linewidth}@{}"
    head = [rf"{{\small\begin{{longtable}}{{{shape}}}", r"\caption{Claims of the papers}\label{tab:claims}\\"]
    cells = ((row["strategy"], row["claim"], row["tier"], row["verdict"], row["found"] or row["why"]) for row in rows)
    lines = [r"\toprule", _line(columns), r"\midrule\endhead", *map(_line, cells), r"\bottomrule"]
    yield "\n".join([*head, *lines, r"\end{longtable}}"])


def _line(cells: Iterable[object]) -> str:
    return " & ".join(_told(cell) for cell in cells) + r" \\"


def _told(value: object) -> str:
    text = str(value)
    return tex(text if len(text) <= LONGEST else f"{text[:LONGEST]}…")
