"""The ledger over a network of Brownie's: a local anvil node, a private chain by its URL, or a public test network.

Brownie brings its book of networks, its connection and its keystore. It has one connection a process, so there is one
such ledger at a time. Its own receipts are not used: they wait for ever when a node is gone, and print.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from chainward.errors import ChainwardError
from chainward.ledgers import anvil, evm
from chainward.ledgers.node import NodeLedger
from chainward.ledgers.own_chain import OwnChain
from chainward.ledgers.shared_chain import SharedChain, Terms
from chainward.ledgers.wire import Refused, Transaction

PASSWORD = "CHAINWARD_KEYSTORE_PASSWORD"
_SHARED = {"consensus", "network", "rpc", "accounts", "confirmations", "timeout_s", "gas"}
_NAME = re.compile(r"[\w.-]{1,40}")


class BrownieWire:
    """Brownie's connection to the network that it calls `name`, or to a node at `url`."""

    def __init__(self, name: str, url: str = "") -> None:
        network, self._config, self._keystore = _brownie()
        if network.web3.provider is not None:
            raise ChainwardError("Brownie holds one network a process; close the ledger that uses it first")
        self._shown = url or f"Brownie's network {name}"
        if url:
            self._config.networks[name] = {"id": name, "host": url, "chainid": "0"}
        elif "host" not in self._config.networks.get(name, {}):
            raise ChainwardError(f"ledger.network: Brownie has no network {name!r}; `brownie networks list` shows them")
        elif "cmd" in self._config.networks[name]:
            raise ChainwardError(f"ledger.network: {name!r} is a node Brownie would start; use anvil, or rpc = its URL")
        self._web3 = network.web3
        self._keys: dict[str, str] = {}
        with ExitStack() as opened:
            opened.callback(self.close)
            try:
                network.connect(name)
            except Exception as error:  # whatever a wrong URL or variable raises
                raise ChainwardError(f"{self._shown} cannot be connected to ({type(error).__name__})") from None
            self.request("eth_chainId")
            opened.pop_all()

    def request(self, method: str, *params: Any) -> Any:
        """Return the result of a JSON-RPC request; raises `Refused` with the node's error."""
        try:
            answer = self._web3.provider.make_request(method, params)
        except Exception as error:  # of whichever transport; its text may show a URL with its secrets filled in
            raise ChainwardError(
                f"no answer from {self._shown} ({type(error).__name__}); see that the node runs, then run again"
            ) from None
        if "error" in answer:
            output = answer["error"].get("data")
            raise Refused(answer["error"]["message"], output if isinstance(output, str) else "")
        return answer["result"]

    def account(self, name: str) -> str:
        """Unlock an account of Brownie's keystore, with a password from the environment or the terminal."""
        try:
            account = self._keystore.load(name, password=os.environ.get(PASSWORD))
        except FileNotFoundError:
            raise ChainwardError(f"Brownie's keystore has no account {name!r}; see `brownie accounts list`") from None
        except (EOFError, OSError):
            raise ChainwardError(f"no terminal to ask for the password of {name!r}; set ${PASSWORD}") from None
        except ValueError:
            raise ChainwardError(f"that is not the password of {name!r} in Brownie's keystore") from None
        self._keys[account.address] = account.private_key
        return str(account.address)

    def submit(self, transaction: Transaction) -> str:
        """Send a transaction, signed here if the account is from the keystore, and return its hash."""
        key = self._keys.get(transaction["from"])
        if key is None:
            sent = {name: hex(part) if isinstance(part, int) else part for name, part in transaction.items()}
            return str(self.request("eth_sendTransaction", sent))
        fields = {name: part for name, part in transaction.items() if name != "from"}
        fields["chainId"] = int(self.request("eth_chainId"), 16)
        signed = self._web3.eth.account.sign_transaction(fields, key)
        return str(self.request("eth_sendRawTransaction", f"0x{bytes(signed.raw_transaction).hex()}"))

    def close(self) -> None:
        """End the connection and forget the keys. Brownie's own `disconnect` would first ask the node."""
        self._keys.clear()
        self._keystore.clear()
        self._config.clear_active()
        self._web3.disconnect()


def _brownie() -> tuple[Any, Any, Any]:
    """Import Brownie; it loads a hypothesis profile of its own for everybody in the process, which is undone."""
    from hypothesis import settings

    settings.register_profile("before brownie", settings())
    from brownie import accounts, network
    from brownie._config import CONFIG

    settings.load_profile("before brownie")
    CONFIG.settings["eager_caching"] = False  # answers would be those of an earlier block
    return network, CONFIG, accounts


def build(params: Mapping[str, Any], seed: int, folders: tuple[Path, ...]) -> NodeLedger:
    """Return a ledger that starts or connects when first used.

    With `network` "anvil", the default: a local node whose blocks follow the virtual clock; `consensus`, what its model
    takes, and `gas_limit` are as for the chain in process. Else a `network` by Brownie's name or an `rpc` URL ($NAME in
    it comes from the environment), with `accounts` of Brownie's keystore, `confirmations`, `timeout_s` until a
    transaction is replaced, and `gas`, the limit of each transaction; its blocks follow the chain's own clock.
    """
    if find_spec("brownie") is None:
        raise ChainwardError('ledger brownie: not installed; pip install "chainward[brownie]"')
    name, url = str(params.get("network", "" if "rpc" in params else "anvil")), str(params.get("rpc", ""))
    if name == "anvil" and not url:
        times, gas_limit, rules = evm.chain("brownie", params, seed, "network")
        anvil.find()
        return NodeLedger(OwnChain(times, gas_limit, partial(BrownieWire, "chainward-anvil"), rules), folders)
    unknown = sorted(set(params) - _SHARED)
    if unknown:
        raise ChainwardError(f"ledger brownie: no parameter {unknown[0]!r} here; it has {', '.join(sorted(_SHARED))}")
    if bool(name) == bool(url):
        raise ChainwardError("ledger brownie: give either a network by Brownie's name or an rpc URL")
    if params.get("consensus", "poa") != "poa":
        raise ChainwardError("ledger brownie: consensus is modelled on the local node only; this chain has its own")
    return NodeLedger(SharedChain(_terms(params), partial(BrownieWire, name or "chainward-rpc", url)), folders)


def _terms(params: Mapping[str, Any]) -> Terms:
    accounts = params.get("accounts", [])
    if not isinstance(accounts, list) or not all(isinstance(name, str) and _NAME.fullmatch(name) for name in accounts):
        raise ChainwardError("ledger.accounts: a list of names in Brownie's keystore, never keys")
    terms = Terms(
        tuple(accounts),
        int(params.get("confirmations", Terms.confirmations)),
        float(params.get("timeout_s", Terms.timeout_s)),
        int(params.get("gas", Terms.gas)),
    )
    if terms.confirmations < 1 or terms.timeout_s <= 0 or terms.gas < 1:
        raise ChainwardError("ledger brownie: confirmations, timeout_s and gas must be more than 0")
    return terms
