"""The hash Poseidon over the scalar field of bn254 (Grassi et al. 2021, USENIX Security), cheap within a proof.

Its parameters are the reference ones, made by the Grain generator of the paper's appendix: x^5, eight full rounds and
56 to 60 partial ones, 128 bits of security; the same as circomlib's. What is added and multiplied by constants may be
numbers or, in a circuit, linear combinations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from chainward.methods.sharing import FIELD

FULL_ROUNDS = 8
PARTIAL_ROUNDS = {2: 56, 3: 57, 4: 56, 5: 60}
"""By the width of the state: one more than the inputs."""

MOST_INPUTS = max(PARTIAL_ROUNDS) - 1

_BITS = 254
_POWER = 5


class Parameters(NamedTuple):
    """What is added in each round [rounds, width], and the matrix [width, width] that mixes."""

    constants: tuple[tuple[int, ...], ...]
    matrix: tuple[tuple[int, ...], ...]


def hashed(inputs: Sequence[int]) -> int:
    """Return the hash of one to four numbers of the field.

    Examples:
        >>> hex(hashed([1, 2]))
        '0x115cc0f5e7d690413df64c6b9662e9cf2a3617f2743245519e19607a4417189a'
    """
    return int(permuted([0, *inputs], lambda x: pow(x, _POWER, FIELD), lambda x: x % FIELD)[0])


def permuted(state: Sequence[Any], fifth_power: Callable[[Any], Any], reduced: Callable[[Any], Any]) -> list[Any]:
    """Return the state [width] after all rounds; `reduced` brings a sum back into the field."""
    width = len(state)
    constants, matrix = parameters(width)
    partial = range(FULL_ROUNDS // 2, FULL_ROUNDS // 2 + PARTIAL_ROUNDS[width])
    for number, row in enumerate(constants):
        added = [value + constant for value, constant in zip(state, row, strict=True)]
        powers = [fifth_power(added[0]), *(added[1:] if number in partial else map(fifth_power, added[1:]))]
        state = [reduced(_dot(line, powers)) for line in matrix]
    return list(state)


@lru_cache
def parameters(width: int) -> Parameters:
    """Return the reference parameters of a state of this width, 2 to 5."""
    rounds = FULL_ROUNDS + PARTIAL_ROUNDS[width]
    bits = _grain(width)
    numbers = iter(lambda: _number(bits), None)
    below = (number for number in numbers if number < FIELD)
    constants = tuple(tuple(islice(below, width)) for _ in range(rounds))
    chosen = [_number(bits) for _ in range(2 * width)]
    xs, ys = chosen[:width], chosen[width:]
    return Parameters(constants, tuple(tuple(pow(x + y, -1, FIELD) for y in ys) for x in xs))


def _dot(row: Sequence[int], values: Sequence[Any]) -> Any:
    first, *others = (value * factor for value, factor in zip(values, row, strict=True))
    for other in others:
        first = first + other
    return first


def _number(bits: Iterator[int]) -> int:
    return int("".join(map(str, islice(bits, _BITS))), 2)


def _grain(width: int) -> Iterator[int]:
    """The bits of the Grain LFSR in self-shrinking mode: of two bits the second counts if the first is 1."""
    fields = ((2, 1), (4, 0), (12, _BITS), (12, width), (10, FULL_ROUNDS), (10, PARTIAL_ROUNDS[width]), (30, 2**30 - 1))
    state = [int(bit) for size, value in fields for bit in f"{value:0{size}b}"]

    def step() -> int:
        bit = state[62] ^ state[51] ^ state[38] ^ state[23] ^ state[13] ^ state[0]
        del state[0]
        state.append(bit)
        return bit

    for _ in range(160):
        step()
    while True:
        taken, bit = step(), step()
        if taken:
            yield bit
