"""Ten rounds over so many hospitals of 100 patients: `python benchmarks/scale.py HOSPITALS` prints seconds and memory.

A process of its own, because the peak of memory is the process's: interpreter, torch and the records are part of it.
Garbage is not collected while the clock runs, as in all timings here (`--benchmark-disable-gc`).
"""

from __future__ import annotations

import dataclasses
import gc
import json
import resource
import sys
import time

from common_work import TRAINING, cohort_engine, dataset, together

PATIENTS, EPOCH = 100, 4

data = dataset(int(sys.argv[1]), PATIENTS)
engine = cohort_engine(data, dataclasses.replace(TRAINING, local_steps=EPOCH))
gc.disable()
started = time.perf_counter()
weights = together(engine, data)
seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1_024)
print(json.dumps({"seconds": seconds, "peak_gib": peak / 2**30, "weight": float(abs(weights).max())}))
