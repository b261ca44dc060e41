"""One torch thread, as in a trial: sums never depend on the machine, and small networks do not fight over cores."""

import torch

torch.set_num_threads(1)
