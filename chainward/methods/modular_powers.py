"""Powers modulo large numbers: of one base many times, of many bases at once, and what they are assumed to cost."""

from __future__ import annotations

from functools import lru_cache

WINDOW_BITS = 4
MOST_TABLES = 64
"""Of bases that are used together; powers of more are taken one by one."""


def product_flops(bits: int) -> float:
    """Return the FLOPs assumed for a product modulo a number of so many bits.

    Schoolbook product and Montgomery's reduction take 2 (bits / 32)^2 products of 32-bit words and as many additions.
    """
    return 4.0 * (bits / 32) ** 2


def power_flops(exponent_bits: float, bits: int) -> float:
    """Return the FLOPs assumed for a power by squaring and multiplying: 1.5 products a bit of the exponent."""
    return 1.5 * exponent_bits * product_flops(bits)


@lru_cache(maxsize=64)
def product_of_powers(bases: tuple[int, ...], exponents: tuple[int, ...], modulus: int) -> int:
    """Return the product of each base to its exponent; all squarings are shared (Straus 1964), digits have 4 bits.

    The products used last are kept: who checks a proof takes the one that its maker took.

    Examples:
        >>> product_of_powers((2, 3), (5, 4), 1000)
        592
    """
    digits = max((len(f"{exponent:x}") for exponent in exponents), default=0)
    small = [_digits_powers(base, modulus) for base in bases]
    result = 1
    for column in zip(*(f"{exponent:0{digits}x}" for exponent in exponents), strict=True):
        result = pow(result, 1 << WINDOW_BITS, modulus)
        for powers, digit in zip(small, column, strict=True):
            if digit != "0":
                result = result * powers[digit] % modulus
    return result % modulus


def _digits_powers(base: int, modulus: int) -> dict[str, int]:
    """A base to each hexadecimal digit."""
    powers, power = {}, 1
    for digit in "0123456789abcdef":
        powers[digit] = power
        power = power * base % modulus
    return powers


def fixed_powers(bases: tuple[int, ...], exponent: int, modulus: int) -> list[int]:
    """Return each base to the exponent (Brickell, Gordon, McCurley, Wilson 1992).

    Tables are kept for the bases that were used last; see `_tables`.

    Examples:
        >>> fixed_powers((2, 3), 5, 1000)
        [32, 243]
    """
    if len(bases) > MOST_TABLES:
        return [pow(base, exponent, modulus) for base in bases]
    digits = [int(digit, 16) for digit in f"{exponent:x}"[::-1]]
    rows = -(-len(digits) // 64) * 64
    return [_read_off(table, digits, modulus) for table in _tables(bases, rows, modulus)]


def _read_off(table: tuple[int, ...], digits: list[int], modulus: int) -> int:
    """The product of all rows to their digits: rows of one digit are multiplied first, and then each to its digit."""
    alike = [1] * (1 << WINDOW_BITS)
    for row, digit in zip(table, digits, strict=False):
        alike[digit] = alike[digit] * row % modulus
    result = reached = 1
    for product in alike[:0:-1]:
        reached = reached * product % modulus
        result = result * reached % modulus
    return result


@lru_cache(maxsize=6)
def _tables(bases: tuple[int, ...], rows: int, modulus: int) -> tuple[tuple[int, ...], ...]:
    """For each base b the powers b^(16^k), k below `rows`, so that a power takes a product a digit and 30 more."""
    return tuple(_table(base, rows, modulus) for base in bases)


def _table(base: int, rows: int, modulus: int) -> tuple[int, ...]:
    table = [base % modulus]
    for _ in range(rows - 1):
        table.append(pow(table[-1], 1 << WINDOW_BITS, modulus))
    return tuple(table)
