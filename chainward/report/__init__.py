"""Records -> report: tables, charts, one self-contained page. Opinions are formed here, never while a trial runs."""

from chainward.report.assumptions import Assumptions
from chainward.report.attacks import attack_rows
from chainward.report.everything import all_tables
from chainward.report.tables import leaderboard_rows
from chainward.report.write import as_csv, as_json, write_report, write_tables

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
