"""Rows -> charts as SVG text: rendered here, so that a page needs neither network nor JavaScript."""

from chainward.report.charts.base import Chart
from chainward.report.charts.curves import learning_curves
from chainward.report.charts.functions import gas_functions
from chainward.report.charts.latency import latency_parts
from chainward.report.charts.pareto import pareto

__all__ = ["Chart", "gas_functions", "latency_parts", "learning_curves", "pareto"]
