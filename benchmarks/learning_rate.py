"""How the common track's learning rates were chosen: FedAvg's validation AUROC at seed 0, over a fixed grid.

Run as `python benchmarks/learning_rate.py heart synthetic_skewed`; the best rate is then frozen in the task's file.
"""

from __future__ import annotations

import sys

from chainward.trials.rates import best, question, scores

for key in sys.argv[1:]:
    found = scores(question(key, {}), seeds=(0,))
    print(key, "  ".join(f"{rate:g}: {score:.4f}" for rate, score in found.items()), f"-> {best(found):g}")
