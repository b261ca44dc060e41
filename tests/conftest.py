"""One torch thread, as in a trial: sums never depend on the machine, and small networks do not fight over cores.

Under continuous integration the property tests draw the same examples every time: a change fails for what it changed.
"""

import os

import torch
from hypothesis import settings

torch.set_num_threads(1)
settings.register_profile("everywhere", deadline=None)
settings.register_profile("continuous integration", deadline=None, derandomize=True)
settings.load_profile("continuous integration" if os.environ.get("CI") else "everywhere")
