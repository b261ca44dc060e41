"""Parties that add up vectors nobody sees: complaints need proofs, nobody stands alone, and the sum opens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainward.methods.clear_sum import Clear
from chainward.methods.secure_sum import Opening, Scheme
from chainward.methods.sharing import FIELD, from_bytes, to_bytes
from chainward.methods.vector_commitment import numbers_of, points_of
from chainward.methods.verifiable_sum import Collected, Party, Share, Told, digest, enough, included

SCHEMES = pytest.mark.parametrize("scheme", [Scheme(2), Scheme(10, 10), Scheme(1), Clear()], ids=str)
WIDTH, SEATS = 23, 3
VECTORS = list(np.random.default_rng(4).integers(-50_000, 50_000, (4, WIDTH)))


def party(scheme: Scheme, seen: list[float] | None = None) -> Party:
    return Party(scheme, WIDTH, np.random.default_rng(0), (seen if seen is not None else []).append)


def committed(scheme: Scheme) -> list[tuple[Told, Any]]:
    return [party(scheme).commit(vector) for vector in VECTORS]


def sums(scheme: Scheme, rows: list[tuple[Told, Any]]) -> list[tuple[Any, Told]]:
    points = [scheme.points(seat, SEATS) for seat in range(SEATS)]
    return [(at, party(scheme).added([party(scheme).shares(own, at) for own, _ in rows])) for at in points]


@SCHEMES
def test_shares_fit_add_up_and_open(scheme: Scheme) -> None:
    rows = committed(scheme)
    at = scheme.points(1, SEATS)
    shares = {number: Share(party(scheme).shares(own, at), at, points) for number, (own, points) in enumerate(rows)}
    assert party(scheme).fitting(shares) == [0, 1, 2, 3]
    opening = party(scheme).recovered(sums(scheme, rows), [points for _, points in rows])
    assert opening is not None
    np.testing.assert_array_equal(opening.values, np.sum(VECTORS, axis=0))
    assert party(scheme).opens(opening, scheme.aggregate([points for _, points in rows]))


@pytest.mark.parametrize("scheme", [Scheme(2), Scheme(10, 10), Scheme(1)], ids=str)
def test_another_sum_does_not_open(scheme: Scheme) -> None:
    rows = committed(scheme)
    commitments = [points for _, points in rows]
    opening, whole = party(scheme).recovered(sums(scheme, rows), commitments), scheme.aggregate(commitments)
    assert opening is not None
    others = [
        opening._replace(values=opening.values + 1),
        opening._replace(values=opening.values[:-1]),
        opening._replace(blindings=[]),
        opening._replace(blindings=[opening.blindings[0] + 1, *opening.blindings[1:]]),
    ]
    assert not any(party(scheme).opens(other, whole) for other in others)
    assert not party(scheme).opens(opening, commitments[0])


@SCHEMES
def test_a_tampered_share_does_not_fit(scheme: Scheme) -> None:
    (own, points), at = committed(scheme)[0], scheme.points(0, SEATS)
    good = party(scheme).shares(own, at)
    others = {
        "changed": (*good[:-1], to_bytes([(from_bytes(good[-1])[0]), 7, *from_bytes(good[-1])[2:]])),
        "longer": tuple(part + bytes(32) for part in good),
        "fewer": good[:-1],
        "bytes": (b"x",) * len(good),
    }
    assert party(scheme).fitting({name: Share(values, at, points) for name, values in others.items()}) == []


@pytest.mark.parametrize("scheme", [Scheme(2), Scheme(10, 10)], ids=str)
def test_sums_that_do_not_fit_are_done_without(scheme: Scheme) -> None:
    rows = committed(scheme)
    commitments, good = [points for _, points in rows], sums(scheme, rows)
    bad = (good[0][0], tuple(bytes(len(value)) for value in good[0][1]))
    found = party(scheme).recovered([bad, (good[0][0], ()), *good[1:]], commitments)
    assert found is not None
    np.testing.assert_array_equal(found.values, np.sum(VECTORS, axis=0))
    assert party(scheme).recovered([bad, good[1]], commitments) is None
    assert party(scheme).recovered([], commitments) is None


def test_a_sum_that_is_no_number_of_units_is_none() -> None:
    scheme = Scheme(2)
    rows = scheme.polynomials(VECTORS[0], np.random.default_rng(0))
    rows[0][1] = (rows[0][1] + pow(2, -1, FIELD)) % FIELD
    own = [(tuple(map(to_bytes, rows)), scheme.commit(rows))]
    assert party(scheme).recovered(sums(scheme, own), [own[0][1]]) is None


@SCHEMES
def test_masked_vectors_open_under_their_noises(scheme: Scheme) -> None:
    (own, points), noise = committed(scheme)[0], scheme.blinded(VECTORS[1], np.random.default_rng(1))
    masked = party(scheme).masked(own, [noise])
    np.testing.assert_array_equal(masked.values, VECTORS[0] + VECTORS[1])
    claims = party(scheme).mask_claims(masked, points, [scheme.commit(noise)])
    assert party(scheme).true({"it": claims}) == ["it"]
    assert party(scheme).mask_claims(Opening(masked.values[:-1], masked.blindings), points) == []


def test_work_is_told_where_there_is_some() -> None:
    told: list[float] = []
    party(Scheme(2), told).commit(VECTORS[0])
    assert told[0] > 0
    told.clear()
    rows, points = party(Clear(), told).commit(VECTORS[0])
    party(Clear(), told).fitting({0: Share(rows, (0,), points)})
    assert sum(told) == 0


def test_one_holder_that_names_a_single_vector_is_done_without() -> None:
    every, one = Collected(tuple("abcde"), {}), Collected(("c",), {})
    for order in ("xyz", "zyx", "yzx"):
        held = {name: one if name == "y" else every for name in order}
        assert included("abcde", held, (), needed=2) == tuple("abcde")
    assert included("abcde", {"y": one, "x": every}, (), needed=2) == ("c",)
    assert not enough(("c",), "abcde")
    assert enough("abc", "abcde")
    assert not enough("ab", "abcd")


def test_a_complaint_without_a_proof_costs_only_the_complainer() -> None:
    every = Collected(tuple("abc"), {})
    complaint = Collected(("a",), {"b": (b"bad",), "c": (b"bad",)})
    held = {"x": every, "y": complaint, "z": every}
    assert included("abc", held, (), needed=2) == ("a", "b", "c")
    assert included("abc", held, {"b"}, needed=2) == ("a", "c")
    assert included("abc", held, {"b", "c"}, needed=2) == ("a",)
    assert included("abc", {"x": every, "y": complaint}, {"b"}, needed=2) == ()


def test_a_hash_is_of_the_parts_not_of_what_they_are_together() -> None:
    assert digest((b"ab", b"c")) != digest((b"a", b"bc"))


def test_points_are_numbers_for_a_contract() -> None:
    points = Scheme(2).commit(Scheme(2).polynomials(VECTORS[0], np.random.default_rng(0)))
    assert points_of(numbers_of(points)) == points
    assert len(numbers_of(points)) == 4


@pytest.mark.parametrize("scheme", [Scheme(2), Scheme(10, 10), Clear()], ids=str)
def test_only_a_share_that_was_sent_and_does_not_fit_proves_a_complaint(scheme: Scheme) -> None:
    (own, points), seats = committed(scheme)[0], {"x": scheme.points(0, SEATS)}
    good = party(scheme).shares(own, seats["x"])
    bad = (bytes(len(good[0])), *good[1:])
    for shown, sent, proven in ((good, good, set()), (bad, bad, {"a"}), (bad, good, set()), ((), (), {"a"})):
        held, given = {"x": Collected((), {"a": shown})}, {"x": {"a": digest(sent)}}
        assert party(scheme).proven(held, given, seats, {"a": points}) == proven
    assert party(scheme).proven({"x": Collected((), {"b": bad})}, {"x": {}}, seats, {"a": points}) == set()
