"""What a notebook or a script imports: `run` a plan, `load` a report folder, `Results` as frames and charts."""

from chainward.api.results import Results, load
from chainward.api.running import run
from chainward.errors import ChainwardError
from chainward.plans.plan import Plan

__all__ = ["ChainwardError", "Plan", "Results", "load", "run"]
