"""The processes of one deployment: a SuperLink, and a SuperNode a hospital that can be ended and started again."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from chainward.engines.flower.bridge import START_S, Bridge
from chainward.engines.flower.deployment.certificates import certificates, node_keys
from chainward.engines.flower.deployment.superexec import install
from chainward.engines.flower.exchange import RemoteExchange
from chainward.engines.flower.hospital import Place
from chainward.engines.flower.processes import Processes
from chainward.errors import ChainwardError

_APP = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "chainward-relay"
version = "1.0.0"
description = "Carries a trial's questions to the hospitals"
license = "Apache-2.0"
dependencies = []

[tool.hatch.build.targets.wheel]
packages = ["."]

[tool.flwr.app]
publisher = "chainward"

[tool.flwr.app.components]
serverapp = "relay:server"
clientapp = "hospital:client"

[tool.flwr.app.config]
bridge = ""
hospitals = 0
timeout = 0.0
"""

_RELAY = 'from chainward.engines.flower.deployment.relay import server\n\n__all__ = ["server"]\n'
_HOSPITAL = "from chainward.engines.flower.app import HospitalApp\n\nclient = HospitalApp()\n"


@dataclass
class Federation:
    """The processes of one deployment. A hospital's SuperNode can be ended and started again."""

    root: Path
    places: Mapping[str, Place]
    insecure: bool
    timeout_s: float

    def __post_init__(self) -> None:
        self.processes = Processes(self.root)
        self.nodes: dict[str, subprocess.Popen[bytes]] = {}
        self.port, self._home = free_port(), self.root / "home"

    def open(self) -> None:
        """Start the SuperLink and every hospital's SuperNode."""
        self._link()
        self.join(*self.places)

    def register(self, keys: Iterable[Path]) -> None:
        """Tell the SuperLink public keys that it may let in."""
        calls = [("flwr", "supernode", "register", str(public), "here") for public in keys]
        self.processes.call_all("register", calls, home=self._home)

    def join(self, *names: str) -> None:
        """Start the SuperNodes of hospitals, with new keys: Flower takes a lost node for present for a minute, and does
        not let its key in meanwhile."""
        keys = {name: node_keys(self.places[name].directory) for name in names}
        if not self.insecure:
            self.register(public for _, public in keys.values())
        for name, (private, _) in keys.items():
            self.nodes[name] = self.start(name, private)

    def start(self, name: str, private: Path) -> subprocess.Popen[bytes]:
        """Start a SuperNode at a hospital's place, which shows the SuperLink this key."""
        place = self.places[name]
        secure = ["--root-certificates", str(self._authority), "--auth-supernode-private-key", str(private)]
        number = list(self.places).index(name)
        return self.processes.start(
            f"supernode-{number}",
            "flower-supernode",
            *(["--insecure"] if self.insecure else secure),
            *("--superlink", f"127.0.0.1:{self.port}", "--port", str(free_port())),
            *("--node-config", f'directory="{place.directory}" store="{place.store}"'),
            home=place.directory / "home",
            first=install(self.root / "programs"),
        )

    def leave(self, name: str) -> None:
        """End the SuperNode of one hospital, without a goodbye."""
        self.processes.end(self.nodes.pop(name))

    def _link(self) -> None:
        self._authority, certificate, key = certificates(self.root / "tls")
        secure = ["--ssl-ca-certfile", self._authority, "--ssl-certfile", certificate, "--ssl-keyfile", key]
        self._home.mkdir()
        trust = "insecure = true" if self.insecure else f'root-certificates = "{self._authority}"'
        (self._home / "config.toml").write_text(
            f'[superlink]\ndefault = "here"\n\n[superlink.here]\naddress = "127.0.0.1:{self.port}"\n{trust}\n'
        )
        self.link = self.processes.start(
            "superlink",
            "flower-superlink",
            *(["--insecure"] if self.insecure else [*map(str, secure), "--enable-supernode-auth"]),
            *("--host", "127.0.0.1", "--port", str(self.port), "--disable-runtime-dependency-installation"),
            *("--fleet-api-address", f"127.0.0.1:{free_port()}"),
            *("--control-api-address", f"127.0.0.1:{free_port()}"),
            home=self._home,
        )
        self._await_port()

    def _await_port(self) -> None:
        end = time.monotonic() + START_S
        while time.monotonic() < end and self.link.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise ChainwardError(f"the SuperLink did not start: {self.processes.tail('superlink')}")

    def submit(self, app: Path, config: str) -> None:
        """Start a run of the Flower app in a folder, with this configuration over the app's own."""
        more = ["--run-config", config] if config else []
        self.processes.call("run", "flwr", "run", str(app), "here", *more, home=self._home)

    def relay(self) -> Connection:
        """Start the run that carries a trial's questions and return the connection to its ServerApp."""
        app = self.root / "relay"
        app.mkdir()
        (app / "pyproject.toml").write_text(_APP)
        (app / "relay.py").write_text(_RELAY)
        (app / "hospital.py").write_text(_HOSPITAL)
        with Bridge(self.root / "bridge") as bridge:
            self.submit(app, f'bridge="{bridge.path}" hospitals={len(self.places)} timeout={self.timeout_s:.1f}')
            return bridge.accept(self.link, lambda: self.processes.tail("superlink"))

    def exchange(self) -> RemoteExchange:
        """Start that run and return the exchange over it, which notices when the SuperLink is gone."""
        return RemoteExchange(self.relay(), self.timeout_s, partial(self.processes.ended, "superlink", self.link))


def free_port() -> int:
    """Return a TCP port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
