"""What a baseline says of the machine: its kind, not its name."""

from __future__ import annotations

from typing import Any


def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    for name in ("node", "release"):
        machine_info.pop(name, None)
    kept = ("arch", "bits", "brand_raw", "count")
    machine_info["cpu"] = {name: machine_info["cpu"][name] for name in kept if name in machine_info["cpu"]}


def pytest_benchmark_update_commit_info(config: Any, commit_info: dict[str, Any]) -> None:
    for name in ("project", "branch"):
        commit_info.pop(name, None)
