"""Computations as rows a * b = c over the scalar field of bn254 (rank-1 constraints), for proofs about them.

A computation is written once, against a `Circuit`: in a `Shape` its numbers are linear combinations of wires and only
the rows are kept, for the set-up; in a `Trace` they are numbers and all values are kept, for a proof. Both take the
same path whatever the numbers are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from chainward.methods import poseidon
from chainward.methods.sharing import FIELD

Row = tuple[Mapping[int, int], Mapping[int, int], Mapping[int, int]]
Number = Any
"""An int or a `Linear`: what can be added, subtracted and multiplied by an int."""

HASHED_BITS = 253
"""Bits of a number that is hashed: all of them are below the field."""


LONG = 2**128
"""What a number as long as the field lies beyond, but for one in 2^125."""


class Linear:
    """A sum of wires, each times a constant; wire 0 is the constant one."""

    __slots__ = ("terms",)

    def __init__(self, terms: Mapping[int, int]) -> None:
        self.terms = terms

    def __add__(self, other: Number) -> Linear:
        terms = dict(self.terms)
        for wire, factor in _terms(other).items():
            terms[wire] = (terms.get(wire, 0) + factor) % FIELD
        return Linear(terms)

    def __mul__(self, factor: int) -> Linear:
        return Linear({wire: own * factor % FIELD for wire, own in self.terms.items()})

    def __neg__(self) -> Linear:
        return self * -1

    def __sub__(self, other: Number) -> Linear:
        return self.__add__(-other)

    def __rsub__(self, other: Number) -> Linear:
        return self.__neg__().__add__(other)

    __radd__ = __add__
    __rmul__ = __mul__


class Circuit(ABC):
    """What both kinds share: gadgets made of wires and rows."""

    @abstractmethod
    def wire(self, value: int) -> Number:
        """Return a new private number; nothing is said of it yet."""

    @abstractmethod
    def public(self, value: int) -> Number:
        """Return a number that the verifier knows; all of them come before the first wire."""

    @abstractmethod
    def announce(self) -> int:
        """Return the place of a public number that only the computation will tell; see `reveal`."""

    @abstractmethod
    def reveal(self, place: int, number: Number) -> None:
        """Demand that the public number at a place is this one."""

    @abstractmethod
    def row(self, left: Number, right: Number, product: Number) -> None:
        """Demand that left * right = product."""

    @abstractmethod
    def value(self, number: Number) -> int:
        """Return a number where it is known, else 0."""

    @abstractmethod
    def reduced(self, number: Number) -> Number:
        """Return the same element of the field, written shortly."""

    def product(self, left: Number, right: Number) -> Number:
        """Return left * right."""
        found = self.wire(self.value(left) * self.value(right))
        self.row(left, right, found)
        return found

    def equal(self, left: Number, right: Number) -> None:
        """Demand that both are the same."""
        self.row(left - right, 1, 0)

    def bit(self, value: int) -> Number:
        """Return a number that is 0 or 1, as b * b = b."""
        found = self.wire(value)
        self.row(found, found, found)
        return found

    def bits(self, value: int, most: int) -> list[tuple[Number, int]]:
        """Return bits and their weights, whose sum reaches each number from 0 to `most` and no other.

        The weights are powers of two; the last is what is left of `most`. `value` is from 0 to `most`.
        """
        weights = weights_up_to(most)
        found = []
        for weight in reversed(weights):
            taken = int(value >= weight)
            value -= taken * weight
            found.append((self.bit(taken), weight))
        return found[::-1]

    def up_to(self, value: int, most: int) -> Number:
        """Return a number from 0 to `most`."""
        return total(bit * weight for bit, weight in self.bits(value, most))

    def quotient(self, left: Number, right: Number, divisor: int, most: int) -> tuple[Number, Number]:
        """Return (q, r) with left * right = q * divisor + r, for a product from 0 to `most` at least.

        Both are made of bits, 0 <= r < divisor and q <= most / divisor, so that there is no other pair.

        Raises:
            ValueError: the product is negative or too large; nobody can prove it then.
        """
        whole = self.value(left) * self.value(right)
        if not 0 <= whole <= most:
            raise ValueError(f"a number leaves its range: {whole} is not from 0 to {most}")
        quotient, rest = divmod(whole, divisor)
        numbers = self.up_to(quotient, most // divisor), self.up_to(rest, divisor - 1)
        self.row(left, right, numbers[0] * divisor + numbers[1])
        return numbers

    def sign(self, number: Number) -> Number:
        """Return 1 or -1. That it is the sign of `number` follows where number * sign must not be negative."""
        return 1 - self.bit(int(self.value(number) < 0)) * 2

    def truncated(self, number: Number, divisor: int, most: int) -> Number:
        """Return a number divided and cut towards zero; its magnitude is at most `most`. Raises as `quotient` does."""
        sign = self.sign(number)
        quotient, _ = self.quotient(sign, number, divisor, most)
        return self.product(sign, quotient)

    def hashed(self, first: Number, bits: Sequence[Number]) -> Number:
        """Return the hash of a number and of bits, 253 of which fill a number, in chunks that are chained."""
        starts = range(0, len(bits), HASHED_BITS)
        filled = [total(bit * 2**at for at, bit in enumerate(bits[start : start + HASHED_BITS])) for start in starts]
        for start in range(0, len(filled), poseidon.MOST_INPUTS - 1):
            state = [0, first, *filled[start : start + poseidon.MOST_INPUTS - 1]]
            first = poseidon.permuted(state, self._fifth_power, self.reduced)[0]
        return first

    def _fifth_power(self, number: Number) -> Number:
        number = self.reduced(number)
        square = self._product(number, number)
        return self._product(self._product(square, square), number)

    def _product(self, left: Number, right: Number) -> Number:
        found = self.wire(self.value(left) * self.value(right) % FIELD)
        self.row(left, right, found)
        return found


class Size(NamedTuple):
    """What a proof's cost follows: rows, wires, and how many of the wires are public, the constant one apart."""

    rows: int
    wires: int
    publics: int

    @property
    def domain(self) -> int:
        """The power of two that the rows are filled up to."""
        return 1 << (self.rows - 1).bit_length()


class Shape(Circuit):
    """The rows of a computation, without its numbers: what a proof is set up for."""

    def __init__(self) -> None:
        self.wires, self.publics = 1, 0
        self.rows: list[Row] = []

    @property
    def size(self) -> Size:
        """How large it is."""
        return Size(len(self.rows), self.wires, self.publics)

    def wire(self, value: int) -> Number:
        """A new wire."""
        self.wires += 1
        return Linear({self.wires - 1: 1})

    def public(self, value: int) -> Number:
        """A new wire, counted as public."""
        self.publics += 1
        return self.wire(value)

    def announce(self) -> int:
        """A wire that is equal to something later."""
        self.public(0)
        return self.wires - 1

    def reveal(self, place: int, number: Number) -> None:
        """A row that makes both equal."""
        self.equal(number, Linear({place: 1}))

    def row(self, left: Number, right: Number, product: Number) -> None:
        """Keep the row."""
        self.rows.append((_terms(left), _terms(right), _terms(product)))

    def value(self, number: Number) -> int:
        """Nobody knows: 0."""
        return 0

    def reduced(self, number: Number) -> Number:
        """Itself: its factors are reduced already."""
        return number


class Trace(Circuit):
    """All numbers of one computation: a proof is made of it. Numbers are ints around zero, or of the field."""

    def __init__(self) -> None:
        self.values, self.publics = [1], 0
        self.left: list[int] = []
        self.right: list[int] = []
        self.products: list[int] = []

    def wire(self, value: int) -> int:
        """A new value."""
        self.values.append(value)
        return value

    def public(self, value: int) -> int:
        """A new value, counted as public."""
        self.publics += 1
        return self.wire(value)

    def announce(self) -> int:
        """A value that is put in later."""
        self.public(0)
        return len(self.values) - 1

    def reveal(self, place: int, number: int) -> None:
        """Put the value in its place."""
        self.values[place] = number
        self.equal(number, number)

    @property
    def size(self) -> Size:
        """How large it is."""
        return Size(len(self.left), len(self.values), self.publics)

    @property
    def long(self) -> int:
        """How many of its numbers are as long as the field."""
        return sum(abs(value) > LONG for value in self.values)

    def row(self, left: int, right: int, product: int) -> None:
        """Keep its three values."""
        self.left.append(left)
        self.right.append(right)
        self.products.append(product)

    def value(self, number: int) -> int:
        """Itself."""
        return number

    def reduced(self, number: int) -> int:
        """The remainder."""
        return number % FIELD


def shaped(computation: Callable[[Circuit], Any]) -> Shape:
    """Return the shape of a computation."""
    shape = Shape()
    computation(shape)
    return shape


def holds(shape: Shape, values: Sequence[int]) -> bool:
    """Tell whether numbers for all wires, the constant one first, satisfy every row."""
    return all(_at(left, values) * _at(right, values) % FIELD == _at(own, values) for left, right, own in shape.rows)


def weights_up_to(most: int) -> list[int]:
    """Return weights whose sums of some are just the numbers from 0 to `most`.

    Examples:
        >>> weights_up_to(9)
        [1, 2, 4, 2]
    """
    powers = [1 << place for place in range((most + 1).bit_length() - 1)]
    left = most - sum(powers)
    return [*powers, left] if left else powers


def total(numbers: Any) -> Number:
    """Return the sum of numbers, 0 of none."""
    found: Number = 0
    for number in numbers:
        found = number + found
    return found


def _terms(number: Number) -> Mapping[int, int]:
    return number.terms if isinstance(number, Linear) else {0: number % FIELD} if number else {}


def _at(terms: Mapping[int, int], values: Sequence[int]) -> int:
    return sum(factor * values[wire] for wire, factor in terms.items()) % FIELD
