"""The Solidity compiler of this checkout, where `make contracts` has fetched it."""

from __future__ import annotations

import shutil

import pytest

from chainward.folders import CHECKOUT

SOLC = CHECKOUT / "contracts" / "node_modules" / "solc"
WHY = "needs node, and solc in contracts/node_modules: run `make contracts`"
HERE = shutil.which("node") is not None and SOLC.is_dir()
compiled = pytest.mark.skipif(not HERE, reason=WHY)
