"""A trial's transactions as Brownie's users send them: `account.transfer(contract, data=...)`, and its receipt.

On an anvil node that mines each at once, attached to as Brownie's development network. `$LOG` is what the trial sent,
as from `Ledger.snapshot`: one contract, that looks neither at the time nor at chance. The gas limit is given, which
spares Brownie an estimate. Prints the seconds and the gas of each.
"""

from __future__ import annotations

import json
import os
import pickle
import socket
import subprocess
import time
from pathlib import Path

from brownie import accounts, network
from brownie._config import CONFIG
from eth_abi.abi import encode

from chainward.ledgers import anvil, artifacts
from chainward.ledgers.accounts import Accounts

GAS = 20_000_000

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
options = ["--port", str(port), "--hardfork", "cancun", "--accounts", "20", "--silent", "--gas-price", "0"]
node = subprocess.Popen([anvil.find(), *options, "--base-fee", "0"])
try:
    time.sleep(1.0)
    settings = {"port": port, "accounts": 20, "gas_limit": GAS}
    named = {"id": "bench", "cmd": "anvil", "host": "http://127.0.0.1", "timeout": 120, "cmd_settings": settings}
    CONFIG.networks["bench"] = named
    network.connect("bench", launch_rpc=False)
    left = iter(accounts)
    parties = Accounts(lambda party: next(left).address)
    by_address = {account.address: account for account in accounts}
    seconds, gas, contract = [], [], None
    for kind, target, *rest, arguments, sender, value, _ in pickle.loads(Path(os.environ["LOG"]).read_bytes()):
        account = by_address[parties.of(sender)]
        started = time.perf_counter()
        if kind == "deploy":
            artifact = artifacts.find(target)
            data = artifact.bytecode + encode(artifact.constructor, parties.addressed(artifact.constructor, arguments))
        else:
            called = artifact.functions[rest[0]]
            data = called.encode(parties.addressed(called.inputs, arguments))
        receipt = account.transfer(contract, value, gas_limit=GAS, gas_price=0, data="0x" + data.hex(), silent=True)
        seconds.append(time.perf_counter() - started)
        gas.append(receipt.gas_used)
        assert receipt.status == 1, receipt
        contract = contract or receipt.contract_address
    print(json.dumps({"seconds": seconds, "gas": gas}))
finally:
    node.terminate()
    node.wait()
