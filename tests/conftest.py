"""One torch thread, as in a trial: sums never depend on the machine, and small networks do not fight over cores.

Under continuous integration the property tests draw the same examples every time: a change fails for what it changed.
"""

import os

import torch
from hypothesis import HealthCheck, settings

torch.set_num_threads(1)
# How long a busy machine takes to draw examples is no fault of what is tested.
SLOW_IS_FINE = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("everywhere", **SLOW_IS_FINE)
settings.register_profile("continuous integration", **SLOW_IS_FINE, derandomize=True)
settings.load_profile("continuous integration" if os.environ.get("CI") else "everywhere")
