"""Published gas, fees and throughput: what is impossible, what only implausible, and the twin that is neither."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainward.audit.chain import fee, least, throughput, transaction
from chainward.audit.figures import Chain, Fee, Throughput, Transaction
from chainward.audit.finding import Verdict
from chainward.audit.forks import FORKS

IMPOSSIBLE, IMPLAUSIBLE, POSSIBLE = Verdict.IMPOSSIBLE, Verdict.IMPLAUSIBLE, Verdict.POSSIBLE
QUOTE = {"figure": "table 1", "quoted": "as printed"}


def verdicts(kind: Any, check: Any, chain: Chain, **told: Any) -> list[tuple[str, Verdict]]:
    return [(found.check, found.verdict) for found in check(kind(**QUOTE, **told), chain)]


def of_gas(fork: str = "cancun", **told: Any) -> list[tuple[str, Verdict]]:
    return verdicts(Transaction, transaction, Chain(fork=fork), **told)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        ({"gas": "21,000", "new_slots": 1}, IMPOSSIBLE),
        ({"gas": "43,100", "new_slots": 1}, POSSIBLE),
        ({"gas": "43,099", "new_slots": 1}, IMPOSSIBLE),  # and so would a mean of 43,099.9 be
        ({"gas": "43,000", "new_slots": 1}, IMPLAUSIBLE),  # rounded
        ({"gas": "21,000", "calldata": 32}, IMPLAUSIBLE),
        ({"gas": "21,001", "calldata": 32}, IMPOSSIBLE),
        ({"gas": "20,999.4"}, IMPOSSIBLE),
        ({"gas": 53_000, "creations": 1}, POSSIBLE),
        ({"gas": 53_000, "creations": 1, "code_bytes": 1}, IMPLAUSIBLE),
        ({"gas": 52_000, "creations": 1}, IMPOSSIBLE),
        ({"gas": 105_000, "transactions": 5}, POSSIBLE),
        ({"gas": 104_999, "transactions": 5}, IMPOSSIBLE),
    ],
)
def test_gas_against_the_least(told: dict[str, Any], verdict: Verdict) -> None:
    assert of_gas(**told) == [("least gas", verdict)]


def test_what_clearing_gives_back_could_explain_it_until_london() -> None:
    """Half of a transaction's gas could come back; from London on never more than clearing cost."""
    told = {"gas": "30,001", "new_slots": 1}
    assert of_gas("berlin", **told) == [("least gas", IMPLAUSIBLE)]
    assert of_gas("london", **told) == [("least gas", IMPOSSIBLE)]
    assert of_gas("berlin", gas="20,001", new_slots=1) == [("least gas", IMPOSSIBLE)]


def test_from_london_on_a_changed_slot_may_have_been_cleared() -> None:
    """71,000 gas before 14,200 come back, a fifth; of one slot 4,800 of 26,000."""
    assert of_gas("london", gas="56,801", changed_slots=10) == [("least gas", IMPLAUSIBLE)]
    assert of_gas("london", gas="56,798", changed_slots=10) == [("least gas", IMPOSSIBLE)]
    assert of_gas("prague", gas="21,201", changed_slots=1) == [("least gas", IMPLAUSIBLE)]
    assert of_gas("prague", gas="20,798", changed_slots=1) == [("least gas", IMPOSSIBLE)]
    assert of_gas("prague", gas="41,001", changed_slots=1, calldata=2000) == [("least gas", POSSIBLE)]
    assert of_gas("prague", gas="40,998", changed_slots=1, calldata=2000) == [("least gas", IMPOSSIBLE)]


def test_what_is_too_little_may_be_of_execution_alone() -> None:
    (found,) = transaction(Transaction(**QUOTE, gas="1,257"), Chain(fork="cancun"))  # type: ignore[arg-type]
    assert (found.verdict, "execution alone" in found.unless) == (IMPOSSIBLE, True)
    told = {**QUOTE, "gas": "19,999", "new_slots": 1}
    (found,) = transaction(Transaction(**told), Chain(fork="cancun"))  # type: ignore[arg-type]
    assert (found.verdict, found.unless) == (IMPOSSIBLE, "")


@given(
    st.integers(1, 3),
    st.integers(0, 200),
    st.integers(0, 20),
    st.integers(0, 3),
    st.sampled_from(sorted(FORKS)),
    st.data(),
)
def test_what_a_chain_charged_is_never_impossible(
    transactions: int, calldata: int, slots: int, logs: int, fork: Any, data: st.DataObject
) -> None:
    """Whatever was done besides, and however its gas was rounded."""
    done = {"transactions": transactions, "calldata": calldata, "new_slots": slots, "logs": logs}
    gas = least(Transaction(**QUOTE, gas=1, **done), FORKS[fork])[0] + data.draw(st.integers(0, 100_000))
    unit = data.draw(st.sampled_from([1, 10, 100, 1000]))
    printed = round(gas, -len(str(unit)) + 1) if data.draw(st.booleans()) else gas // unit * unit
    assert IMPOSSIBLE not in dict(of_gas(fork, gas=f"{printed:,}", **done)).values()


def test_blocks_and_code_hold_so_much() -> None:
    assert ("block gas limit", IMPLAUSIBLE) in of_gas(gas=40_000_000)
    known = Chain(block_gas_limit=30_000_000)
    assert ("block gas limit", IMPOSSIBLE) in verdicts(Transaction, transaction, known, gas=40_000_000)
    assert of_gas(gas=29_000_000) == [("least gas", POSSIBLE)]
    assert of_gas(gas=80_000_000, transactions=4) == [("least gas", POSSIBLE)]
    code = {"gas": 10_000_000, "creations": 1}
    assert ("length of code", IMPOSSIBLE) in of_gas(code_bytes=24_577, **code)
    assert of_gas(code_bytes=24_576, **code) == [("least gas", POSSIBLE)]
    assert of_gas("homestead", code_bytes=24_577, **code) == [("least gas", POSSIBLE)]


def test_throughput() -> None:
    """30,000,000 / 21,000 / 12 = 119.05."""
    known = Chain(block_gas_limit=30_000_000, block_time_s=12.0)
    assert verdicts(Throughput, throughput, known, per_second="119") == [("throughput", POSSIBLE)]
    assert verdicts(Throughput, throughput, known, per_second="121") == [("throughput", IMPOSSIBLE)]
    assert verdicts(Throughput, throughput, Chain(), per_second="121") == [("throughput", IMPLAUSIBLE)]
    assert verdicts(Throughput, throughput, known, per_second="100", gas=30_000) == [("throughput", IMPOSSIBLE)]


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"gas": 21_000, "gwei": "20", "ether": "0.00042"}, [("gas × price", POSSIBLE)]),
        ({"gas": 21_000, "gwei": "20", "ether": "0.0042"}, [("gas × price", IMPOSSIBLE)]),
        ({"gas": 21_000, "ether": "0.002", "ether_usd": "3,000", "usd": "6.0"}, [("ether × price", POSSIBLE)]),
        ({"gas": 21_000, "ether": "0.0020", "ether_usd": "3,000", "usd": "0.36"}, [("ether × price", IMPOSSIBLE)]),
        ({"ether": "0.0490", "gwei": "20"}, [("gas of a fee", POSSIBLE)]),
        ({"ether": "0.0001", "gwei": "20"}, [("gas of a fee", IMPOSSIBLE)]),  # 5,000 gas
        ({"ether": "0.0490"}, [("gas of a fee", POSSIBLE)]),
        ({"gas": 21_000, "ether": "0.002", "usd": "0.36"}, [("price of ether", POSSIBLE)]),
        ({"gas": 50_000, "gwei": "10", "ether_usd": "2000", "usd": "1.00"}, [("ether × price", POSSIBLE)]),
        ({"gas": 50_000, "gwei": "10", "ether_usd": "2000", "usd": "0.10"}, [("ether × price", IMPOSSIBLE)]),
    ],
)
def test_fees(told: dict[str, Any], found: list[tuple[str, Verdict]]) -> None:
    assert verdicts(Fee, fee, Chain(), **told) == found


@given(st.integers(21_000, 10**7), st.integers(1, 500), st.integers(2, 6))
def test_a_fee_that_was_paid_is_never_impossible(gas: int, gwei: int, digits: int) -> None:
    ether = f"{float(Fraction(gas * gwei, 10**9)):.{digits}f}"
    found = dict(verdicts(Fee, fee, Chain(), gas=gas, gwei=str(gwei), ether=ether))
    assert IMPOSSIBLE not in found.values()
