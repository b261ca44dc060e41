"""Published gas, fees and throughput against what the protocol charges at least."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from chainward.audit.figures import Chain, Fee, Throughput, Transaction
from chainward.audit.finding import Check, implausible, impossible, possible
from chainward.audit.forks import FORKS, Fork
from chainward.audit.printed import Printed, number

BLOCK_GAS, BLOCK_S = 30_000_000, 12.0
"""Of Ethereum's main net from 2021, and from 2022."""

GWEI = Fraction(1, 10**9)

Bounds = tuple[Fraction, Fraction]


def parts(one: Transaction, fork: Fork) -> dict[str, int]:
    """What a transaction, or several, cost at least, by what it is charged for; what there is none of costs 0."""
    priced = (
        ("intrinsic", one.transactions, fork.transaction),
        ("making a contract", one.creations, fork.creation),
        ("bytes of code", one.code_bytes, fork.code_byte),
        ("bytes of calldata", one.calldata - one.nonzero, fork.zero_byte),
        ("of them not zero", one.nonzero, fork.other_byte),
        ("new slots of storage", one.new_slots, fork.new_slot),
        ("changed slots", one.changed_slots, fork.changed_slot),
        ("events", one.logs, fork.log),
        ("topics", one.topics, fork.log_topic),
        ("bytes of events", one.log_bytes, fork.log_byte),
    )
    slots = one.new_slots + one.changed_slots
    first = {f"first access of slots: {number(slots)}": fork.cold(slots) if slots else 0}
    return {what if count == 1 else f"{what}: {number(count)}": count * price for what, count, price in priced} | first


def least(one: Transaction, fork: Fork) -> tuple[int, str]:
    """The gas below which no such transaction is, and how it comes about in words."""
    found = {words: gas for words, gas in parts(one, fork).items() if gas}
    standard, tokens = sum(found.values()), _tokens(one)
    told = " + ".join(f"{number(gas)} ({words})" for words, gas in found.items())
    floor = _floor(one, fork)
    if floor > standard:
        return floor, f"{number(floor)} by EIP-7623: intrinsic and {fork.floor_token} for each of {tokens:,} tokens"
    return standard, told if len(found) == 1 else f"{told} = {number(standard)}"


def after_refunds(one: Transaction, fork: Fork) -> Fraction:
    """What is left of the least gas where as much comes back for clearing as the fork allows."""
    standard = sum(parts(one, fork).values())
    back = Fraction(standard, fork.refund)
    if fork.cleared_slot is not None:
        back = min(back, Fraction(fork.cleared_slot * one.changed_slots))
    return max(standard - back, Fraction(_floor(one, fork)))


def _tokens(one: Transaction) -> int:
    return one.calldata + 3 * one.nonzero


def _floor(one: Transaction, fork: Fork) -> int:
    """What EIP-7623 charges at least, whatever comes back; 0 before it."""
    return one.transactions * fork.transaction + fork.floor_token * _tokens(one) if fork.floor_token else 0


def transaction(one: Transaction, chain: Chain) -> Iterator[Check]:
    """Gas against the least that it must be, code and gas against what a contract and a block can hold."""
    fork = FORKS[chain.fork]
    yield _against(one, fork, chain.fork)
    if fork.longest_code is not None and one.code_bytes > fork.longest_code * one.creations:
        most = f"a contract's code has {number(fork.longest_code)} bytes at most (EIP-170)"
        told = f"{number(one.code_bytes)} bytes in {number(one.creations)}; {most}."
        yield impossible("length of code", told, "it is a network that lifts this limit, as private ones can")
    limit, each = chain.block_gas_limit or BLOCK_GAS, one.gas.low / one.transactions
    if each > limit:
        told = f"{number(each)} gas a transaction; a block holds {number(limit)}"
        yield _of_blocks("block gas limit", told, known=chain.block_gas_limit is not None)


def _against(one: Transaction, fork: Fork, name: str) -> Check:
    check, gas, (floor, words) = "least gas", one.gas, least(one, fork)
    told = f"At least {words} under {name}; {gas} is quoted"
    if gas.value >= floor:
        return possible(check, f"{told}. {_room(one, fork).format(number(gas.value - floor))}")
    if gas.high > floor:
        return implausible(check, f"{told}.", f"{gas} is rounded: it then stands for up to {number(gas.high)}")
    if gas.high > after_refunds(one, fork):
        return implausible(check, f"{told}.", f"{_cleared(fork)}, which gives back up to 1/{fork.refund} of all gas")
    kept = "" if fork.cleared_slot is None else " Clearing other storage gives back no more than it costs (EIP-3529)."
    alone = "it is of execution alone, without what is charged before that, as Remix and test runners print it"
    unless = alone if gas.high > sum(parts(one, fork).values()) - _before_execution(one, fork) else ""
    return impossible(check, f"{told}, {number(floor - gas.value)} less.{kept}", unless)


def _before_execution(one: Transaction, fork: Fork) -> int:
    bytes_ = fork.zero_byte * (one.calldata - one.nonzero) + fork.other_byte * one.nonzero
    return fork.transaction * one.transactions + fork.creation * one.creations + bytes_


def _cleared(fork: Fork) -> str:
    if fork.cleared_slot is None:
        return "storage is cleared, or a contract destroyed"
    return f"slots are changed to zero, {number(fork.cleared_slot)} back each"


def _room(one: Transaction, fork: Fork) -> str:
    """What else would fit, with a place for how much gas is left."""
    left = int(one.gas.value) - least(one, fork)[0]
    new = fork.new_slot + fork.cold_slot
    slots = f", or {_count(left // new, 'new slot')} of storage ({number(new)} each)"
    bytes_ = _count(left // fork.other_byte, "byte")
    return f"{{}} more would be {bytes_} of calldata that are not zero{slots if not one.new_slots else ''}."


def _count(count: int, what: str) -> str:
    return f"{number(count) if count > 0 else 'no'} {what}{'' if count == 1 else 's'}"


def throughput(one: Throughput, chain: Chain) -> Iterator[Check]:
    """Transactions a second against what blocks can hold."""
    limit, seconds = chain.block_gas_limit or BLOCK_GAS, chain.block_time_s or BLOCK_S
    most = limit / (Fraction(seconds) * one.gas)
    told = (
        f"{number(limit)} gas a block / {number(one.gas)} a transaction / {number(seconds)} s a block = "
        f"{number(most)} transactions a second at most; {one.per_second} is quoted"
    )
    if one.per_second.low <= most:
        yield possible("throughput", f"{told}.")
    else:
        known = chain.block_gas_limit is not None and chain.block_time_s is not None
        yield _of_blocks("throughput", told, known=known)


def _of_blocks(check: str, told: str, known: bool) -> Check:
    if known:
        return impossible(check, f"{told}.")
    blocks = f"blocks hold more, or come faster, than the main net's {number(BLOCK_GAS)} gas each {number(BLOCK_S)} s"
    return implausible(check, f"{told}.", blocks)


def fee(one: Fee, chain: Chain) -> Iterator[Check]:
    """Gas times price against ether, ether times its price against dollars, and what gas a fee alone stands for."""
    ether = _bounds(one.ether)
    made = _times(_bounds(one.gas), _times(_bounds(one.gwei), (GWEI, GWEI)))
    if ether and made:
        yield _equal("gas × price", made, ether, f"{one.gas} gas × {one.gwei} gwei", f"{one.ether} ether")
    dollars, usd = _times(ether or made, _bounds(one.ether_usd)), _bounds(one.usd)
    if dollars and usd:
        first = f"{one.ether} ether" if ether else f"{one.gas} gas × {one.gwei} gwei"
        yield _equal("ether × price", dollars, usd, f"{first} × {one.ether_usd} USD", f"{one.usd} USD")
    if ether and usd and one.ether_usd is None:
        told = f"{one.usd} USD / {one.ether} ether: an ether of {number(usd[0] / ether[1])} to {{}} USD"
        yield possible("price of ether", told.format(number(usd[1] / ether[0]) if ether[0] else "any number of") + ".")
    if ether and one.gas is None:
        yield _implied(one, ether, chain)


def _implied(one: Fee, ether: Bounds, chain: Chain) -> Check:
    """A fee whose gas is not told: the gas it stands for, or the prices it can stand for."""
    intrinsic, limit = FORKS[chain.fork].transaction, chain.block_gas_limit or BLOCK_GAS
    if one.gwei is None:
        low, high = (ether[0] / GWEI / limit, ether[1] / GWEI / intrinsic)
        told = (
            f"{one.ether} ether is a whole block of {number(limit)} gas at {number(low)} gwei, and a bare transaction"
        )
        return possible(
            "gas of a fee", f"{told} of {number(intrinsic)} at {number(high)}: a price between is not told."
        )
    low, high = ether[0] / GWEI / one.gwei.high, ether[1] / GWEI / one.gwei.low
    told = f"{one.ether} ether / {one.gwei} gwei = {number(low)} to {number(high)} gas"
    if high < intrinsic:
        return impossible("gas of a fee", f"{told}; a transaction has {number(intrinsic)} at least.")
    return possible("gas of a fee", f"{told}, for {number(intrinsic)} a transaction at least.")


def _equal(check: str, made: Bounds, told: Bounds, product: str, result: str) -> Check:
    words = f"{product} = {number(made[0])} to {number(made[1])} as printed; {result} is quoted"
    return possible(check, f"{words}.") if made[0] <= told[1] and told[0] <= made[1] else impossible(check, f"{words}.")


def _bounds(one: Printed | None) -> Bounds | None:
    return (one.low, one.high) if one else None


def _times(one: Bounds | None, other: Bounds | None) -> Bounds | None:
    return (one[0] * other[0], one[1] * other[1]) if one and other else None
