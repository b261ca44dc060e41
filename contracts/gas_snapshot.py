"""Write the gas snapshot, or with `--check` compare it with what the contracts cost now; exit with 1 if they differ."""

from __future__ import annotations

import sys

from chainward.folders import GAS_SNAPSHOT
from chainward.ledgers import snapshot
from chainward.strategy import discovery
from chainward.trials import gas

measured = gas.measure(discovery.keys())
if "--check" in sys.argv:
    problems = gas.differences(snapshot.read(), measured)
    print("\n".join(problems) or f"{len(measured)} contract functions cost what the snapshot says")
    sys.exit(bool(problems))
GAS_SNAPSHOT.write_text(snapshot.text(measured), encoding="utf-8")
