"""What the template process imports, so that a trial forked from it finds everything there.

Importing starts no thread, which no fork would survive; a test holds that.
"""

from importlib import import_module

from chainward.results.provenance import provenance

for name in (
    "pydantic.dataclasses",
    "simpy",
    "scipy.linalg.blas",
    "chainward.engines.local.cohort",
    "chainward.ledgers.evm",
    "chainward.trials.attempt",
    "chainward.trials.prepare",
    "chainward.trials.run",
    "chainward.trials.worker",
):
    import_module(name)
provenance("")  # the commit, once for all trials
