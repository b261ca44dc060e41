"""Rows -> charts, and charts -> SVG text: drawn here, so that a page needs neither network nor JavaScript."""

from chainward.report.charts.attacks import attack_drops
from chainward.report.charts.base import Chart, unchecked
from chainward.report.charts.curves import learning_curves
from chainward.report.charts.drawing import Draw, Drawing, draw, drawer
from chainward.report.charts.functions import gas_functions
from chainward.report.charts.latency import latency_parts
from chainward.report.charts.pareto import pareto, pareto_latency
from chainward.report.charts.partition import partition
from chainward.report.charts.privacy import audiences
from chainward.report.charts.proofs import proof_costs
from chainward.report.charts.scaling import scaling

__all__ = [
    "Chart",
    "Draw",
    "Drawing",
    "attack_drops",
    "audiences",
    "draw",
    "drawer",
    "gas_functions",
    "latency_parts",
    "learning_curves",
    "pareto",
    "pareto_latency",
    "partition",
    "proof_costs",
    "scaling",
    "unchecked",
]
