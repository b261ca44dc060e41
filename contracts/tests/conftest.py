"""Contracts between four hospitals, each test on a chain of its own."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _isolated(fn_isolation: None) -> None:
    """Take back what a test did."""


@pytest.fixture
def hospitals(accounts: Any) -> list[Any]:
    """Return the accounts that take part; `accounts[9]` does not."""
    return list(accounts)[:4]
