"""Records -> report: tables, charts, one self-contained page. Opinions are formed here, never while a trial runs."""

from chainward.report.page.write import as_csv, as_json, write_report, write_tables
from chainward.report.tables.by_name import all_tables, leaderboard_rows
from chainward.report.tables.scenarios import Assumptions

__all__ = [
    "Assumptions",
    "all_tables",
    "as_csv",
    "as_json",
    "leaderboard_rows",
    "write_report",
    "write_tables",
]
