"""A party's part in a sum of vectors that nobody sees: commit, share, hold against the commitments, add up, recover.

Vectors, shares and sums travel as bytes, 32 a number; what a party gets from others may be anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainward.methods.secure_sum import VALUE_BITS, Opening, Points, Scheme, Whole
from chainward.methods.sharing import SCALAR_BYTES, Row, from_bytes, share, summed, to_bytes
from chainward.methods.vector_commitment import FLOPS_A_FIELD_PRODUCT, Name

Told = tuple[bytes, ...]
"""What a party sends: bytes for each of its rows, or for each of the points that it answers for."""


class Share(NamedTuple):
    """What is said to be a committed vector's shares at some points."""

    values: Sequence[bytes]
    at: Sequence[int]
    commitment: Points


class Collected(NamedTuple):
    """Whose shares one holds, and the shares of those that do not fit their commitments."""

    held: tuple[str, ...]
    bad: dict[str, Told]


class Answered(NamedTuple):
    """What holders have once owners showed what was missing, what came so, and commitments of those who owe nothing."""

    held: dict[str, Collected]
    came: dict[str, dict[str, Told]]
    commitments: dict[str, Points]


class Added(NamedTuple):
    """Whose shares one added up, and their sums at each of its points."""

    names: tuple[str, ...]
    values: Told


@dataclass(frozen=True)
class Party:
    """Sums vectors [count] by a scheme; `work` is told the FLOPs assumed for what it does."""

    scheme: Scheme
    count: int
    rng: np.random.Generator
    work: Callable[[float], None]

    def commit(self, values: Whole) -> tuple[Told, Points]:
        """Return a vector's rows, to be kept, and the commitment to it."""
        rows = self.scheme.polynomials(values, self.rng)
        self.work(self.scheme.commitment_flops(rows))
        return tuple(map(to_bytes, rows)), self.scheme.commit(rows)

    def masked(self, rows: Told, noises: Sequence[Sequence[Row]]) -> Opening:
        """Return a vector kept as rows, under noises."""
        return self.scheme.masked(list(map(from_bytes, rows)), noises, self.count)

    def true(self, claims: Mapping[Name, Sequence[Any]], bits: int = 8 * SCALAR_BYTES - 2) -> list[Name]:
        """Return those all of whose claims, about values of so many bits, are true; who claims nothing is not there."""
        self.work(self.scheme.checking_flops(claims, bits))
        return self.scheme.true(claims, self.rng)

    def mask_claims(self, opening: Opening, commitment: Points, noises: Sequence[Points] = ()) -> list[Any]:
        """Return what is true if this is the committed vector under the committed noises; nothing if it is odd."""
        return self.scheme.mask_claims(opening, commitment, noises) if len(opening.values) == self.count else []

    def opens(self, opening: Opening, commitment: Points) -> bool:
        """Tell whether this is the committed vector."""
        return bool(self.true({"": self.mask_claims(opening, commitment)}, VALUE_BITS))

    def shares(self, rows: Told, at: Sequence[int]) -> Told:
        """Return the shares at some points of a vector kept as rows."""
        whole = list(map(from_bytes, rows))
        self.work(FLOPS_A_FIELD_PRODUCT * len(at) * (len(whole) - 1) * len(whole[0]))
        return tuple(to_bytes(share(whole, point)) for point in at)

    def fitting(self, shares: Mapping[Name, Share]) -> list[Name]:
        """Return whose shares fit their commitments."""
        return self.true(
            {
                name: self.scheme.share_claims(list(map(from_bytes, values)), at, commitment, self.count)
                for name, (values, at, commitment) in shares.items()
            }
        )

    def proven(
        self,
        held: Mapping[str, Collected],
        given: Mapping[str, Mapping[str, bytes]],
        seats: Mapping[str, Sequence[int]],
        commitments: Mapping[str, Points],
    ) -> set[str]:
        """Return whose share, as its holder shows it, does not fit, and is the one that its sender answers for.

        `given` are the hashes by holder and sender, `seats` the points by holder.
        """
        shown = {
            (holder, name): Share(tuple(values), seats[holder], commitments[name])
            for holder, one in held.items()
            for name, values in one.bad.items()
            if name in commitments and digest(tuple(values)) == given[holder].get(name)
        }
        fitting = set(self.fitting(shown))
        return {name for holder, name in shown if (holder, name) not in fitting}

    def included(
        self,
        held: Mapping[str, Collected],
        given: Mapping[str, Mapping[str, bytes]],
        seats: Mapping[str, Sequence[int]],
        commitments: Mapping[str, Points],
    ) -> tuple[str, ...]:
        """Return whose vectors are added up by as many holders as recover the sum; see `included` and `proven`."""
        needed = -(-self.scheme.terms // min(map(len, seats.values())))
        return included(commitments, held, self.proven(held, given, seats, commitments), needed)

    def answered(
        self,
        held: Mapping[str, Collected],
        shown: Mapping[str, Mapping[str, Told]],
        seats: Mapping[str, Sequence[int]],
        commitments: Mapping[str, Points],
    ) -> Answered:
        """Take in what owners showed to those that their shares did not come to, see `missing`.

        Who shows none that fits is left out: who withholds a share from one holder keeps nobody from adding.
        """
        asked = [(holder, name) for name, holders in missing(held, commitments).items() for holder in holders]
        told = {(holder, name): tuple(shown.get(name, {}).get(holder, ())) for holder, name in asked}
        claims = {pair: Share(told[pair], seats[pair[0]], commitments[pair[1]]) for pair in asked}
        fitting = set(self.fitting(claims))
        came = {one: {name: told[one, name] for name in commitments if (one, name) in fitting} for one in held}
        whole = {one: own._replace(held=(*own.held, *came[one])) for one, own in held.items()}
        owing = {name for holder, name in asked if (holder, name) not in fitting}
        return Answered(whole, came, {name: own for name, own in commitments.items() if name not in owing})

    def added(self, shares: Sequence[Told]) -> Told:
        """Return the sum of shares that fit, at each point."""
        sums = [summed(list(map(from_bytes, column))) for column in zip(*shares, strict=True)]
        self.work(float(sum(map(len, sums)) * len(shares)))
        return tuple(map(to_bytes, sums))

    def recovered(self, sums: Iterable[tuple[Sequence[int], Told]], commitments: Sequence[Points]) -> Opening | None:
        """Return the sum of committed vectors and what opens it, from those sums of shares that fit.

        Of several for one point the first counts. None if too few fit, or if they hold what is no number of units.
        """
        aggregate = self.scheme.aggregate(commitments)
        self.work(self.scheme.aggregate_flops(commitments))
        found: dict[int, bytes] = {}
        for at, values in sums:
            if len(at) == len(values):
                found = {**dict(zip(at, values, strict=True)), **found}
        fitting = self.fitting({point: Share([value], [point], aggregate) for point, value in found.items()})
        if len(fitting) < self.scheme.terms:
            return None
        self.work(float(FLOPS_A_FIELD_PRODUCT * self.scheme.terms**2 * self.count))
        try:
            return self.scheme.recovered({point: from_bytes(found[point]) for point in fitting}, self.count)
        except OverflowError:
            return None


def included(
    names: Iterable[str], held: Mapping[str, Collected], proven: Collection[str], needed: int
) -> tuple[str, ...]:
    """Return whose vectors are added up: of those whose shares the `needed` holders have who have most of them.

    Whose share is proven not to fit is left out, and so is the word of a holder that complains without a proof. Whoever
    says that a share did not come is done without; only where too few are left for that, because a vector's owner
    withheld its shares from several, is the vector. Nobody if there are fewer holders.

    Examples:
        The second of three says that nothing came but one.

        >>> both, one = Collected(("a", "b", "c"), {}), Collected(("a",), {})
        >>> included("abc", {"x": both, "y": one, "z": both}, proven=(), needed=2)
        ('a', 'b', 'c')
        >>> included("abc", {"x": both, "y": one}, proven=("b",), needed=2)
        ('a',)
        >>> included("abc", {"x": both, "y": Collected(("a",), {"b": ()})}, proven=(), needed=2)
        ()
    """
    holding = [{*one.held, *proven} for one in held.values() if set(proven).issuperset(one.bad)]
    fullest = sorted(holding, key=len, reverse=True)[:needed]
    if len(fullest) < needed:
        return ()
    return tuple(name for name in names if name not in proven and all(name in own for own in fullest))


def missing(held: Mapping[str, Collected], names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return by owner the holders that say its share did not come; it has to show them.

    Examples:
        >>> missing({"x": Collected(("a", "b"), {}), "y": Collected(("a",), {})}, "ab")
        {'b': ('y',)}
    """
    lacking = {name: tuple(one for one, own in held.items() if name not in {*own.held, *own.bad}) for name in names}
    return {name: holders for name, holders in lacking.items() if holders}


def enough(names: Collection[str], accepted: Collection[str]) -> bool:
    """Tell whether so many are added up that none stands alone: more than half of those that were accepted."""
    return 2 * len(names) > len(accepted)


def digest(told: Told) -> bytes:
    """Return the hash by which a sender answers for what it sent to one party: whoever complains must show that."""
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in told)).digest()
