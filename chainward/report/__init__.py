"""Records -> report: tables, charts, one self-contained page. Opinions are formed here, never while a trial runs."""

from chainward.report.page.write import as_csv, as_json, write_report, write_tables
from chainward.report.tables.assumptions import Assumptions
from chainward.report.tables.attacks import attack_rows
from chainward.report.tables.by_name import all_tables
from chainward.report.tables.leaderboard import leaderboard_rows

__all__ = [
    "Assumptions",
    "all_tables",
    "as_csv",
    "as_json",
    "attack_rows",
    "leaderboard_rows",
    "write_report",
    "write_tables",
]
