"""Opening and shared vectors: sums come back, what was tampered with is caught, and what the packed form leaks."""

from __future__ import annotations

import numpy as np
import pytest

from chainward.methods.secure_sum import Opening, Scheme, share_claim
from chainward.methods.sharing import FIELD, share, signed, summed
from chainward.methods.vector_commitment import combined, commit, opened

RNG = np.random.default_rng(0)
SHAMIR, PACKED, PLAIN = Scheme(2), Scheme(10, 10), Scheme(1)
SCHEMES = pytest.mark.parametrize("scheme", [SHAMIR, PACKED, PLAIN, Scheme(3)], ids=str)
WIDTH = 23


def vectors(count: int) -> list[np.ndarray]:
    return list(np.random.default_rng(count).integers(-50_000, 50_000, (count, WIDTH)))


@SCHEMES
def test_sums_of_shares_recover_the_sum_and_fit_the_sum_of_commitments(scheme: Scheme) -> None:
    values = vectors(4)
    shared = [scheme.polynomials(vector, RNG) for vector in values]
    points = [point for seat in range(3) for point in scheme.points(seat, 3)]
    sums = {x: summed([share(rows, x) for rows in shared]) for x in points}
    committed = [[commit(row) for row in rows] for rows in shared]
    aggregate = [combined(column, [1] * 4) for column in zip(*committed, strict=True)]
    assert opened([share_claim(row, x, aggregate) for x, row in sums.items()], RNG) == [True] * len(sums)
    few = dict(list(sums.items())[-scheme.terms :])
    found, blindings = scheme.recovered(few, WIDTH)
    np.testing.assert_array_equal(found, np.sum(values, axis=0))
    assert all(opened(scheme.mask_claims(Opening(found, blindings), aggregate, []), RNG))
    recommitted = [summed([rows[at] for rows in shared]) for at in range(scheme.packed)]
    assert [commit(row) for row in recommitted] == aggregate[: scheme.packed]
    np.testing.assert_array_equal(scheme.values(recommitted, WIDTH), found)


@SCHEMES
@pytest.mark.parametrize("place", [0, 1, -1])
def test_a_tampered_share_does_not_fit(scheme: Scheme, place: int) -> None:
    rows = scheme.polynomials(vectors(1)[0], RNG)
    committed = [commit(row) for row in rows]
    good = share(rows, 1)
    bad = list(good)
    bad[place] = (bad[place] + 1) % FIELD
    assert opened([share_claim(good, 1, committed), share_claim(bad, 1, committed)], RNG) == [True, False]


@SCHEMES
def test_a_share_of_another_point_does_not_fit(scheme: Scheme) -> None:
    rows = scheme.polynomials(vectors(1)[0], RNG)
    fits = opened([share_claim(share(rows, 2), 1, [commit(row) for row in rows])], RNG)
    assert fits == [scheme.terms == 1]


@SCHEMES
@pytest.mark.parametrize("noises", [0, 1, 2])
def test_masked_is_the_committed_vector_under_the_committed_noise(scheme: Scheme, noises: int) -> None:
    vector, *noise = vectors(1 + noises)
    rows, hidden = scheme.polynomials(vector, RNG), [scheme.blinded(values, RNG) for values in noise]
    masked = scheme.masked(rows, hidden, WIDTH)
    np.testing.assert_array_equal(masked.values, vector + sum(noise))
    committed, points = [commit(row) for row in rows], [[commit(row) for row in each] for each in hidden]
    assert all(opened(scheme.mask_claims(masked, committed, points), RNG))
    benign = masked._replace(values=masked.values + 1)
    assert not all(opened(scheme.mask_claims(benign, committed, points), RNG))
    other = [[commit(row) for row in scheme.blinded(vector, RNG)]] * noises
    assert noises == 0 or not all(opened(scheme.mask_claims(masked, committed, other), RNG))


def test_what_does_not_fit_the_layout_claims_nothing() -> None:
    vector = vectors(1)[0]
    rows = SHAMIR.polynomials(vector, RNG)
    committed = [commit(row) for row in rows]
    assert SHAMIR.mask_claims(Opening(vector, []), committed, []) == []
    assert SHAMIR.mask_claims(SHAMIR.masked(rows, [], WIDTH), committed, [[]]) == []
    masked, shares = SHAMIR.masked(rows, [], WIDTH), [share(rows, x) for x in (1, 2)]
    assert len(SHAMIR.mask_claims(masked, committed, [])) == 1
    assert len(SHAMIR.share_claims(shares, (1, 2), committed, WIDTH)) == 2
    for odd in (committed[:1], [*committed, committed[0]], [committed[0], b"\1" * 64]):
        assert SHAMIR.mask_claims(masked, odd, []) == []
        assert SHAMIR.share_claims(shares, (1, 2), odd, WIDTH) == []
    for few in ([], shares[:1], [shares[0], [*shares[1], 0]], [shares[0], shares[1][:-1]]):
        assert SHAMIR.share_claims(few, (1, 2), committed, WIDTH) == []


@SCHEMES
def test_a_number_that_is_none_of_units_is_not_decoded(scheme: Scheme) -> None:
    rows = scheme.polynomials(vectors(1)[0], RNG)
    rows[0][1] = (rows[0][1] + pow(2, -1, FIELD)) % FIELD
    shares = {x: share(rows, x) for seat in range(3) for x in scheme.points(seat, 3)}
    with pytest.raises(OverflowError):
        scheme.recovered(shares, WIDTH)


@SCHEMES
def test_half_a_unit_cannot_be_shown_as_a_small_number_whatever_the_noises(scheme: Scheme) -> None:
    """It could where the vector were doubled under two noises: twice a half is one."""
    vector, *noise = vectors(3)
    rows, hidden = scheme.polynomials(vector, RNG), [scheme.blinded(values, RNG) for values in noise]
    rows[0][1] = (rows[0][1] + pow(2, -1, FIELD)) % FIELD
    committed, points = [commit(row) for row in rows], [[commit(row) for row in each] for each in hidden]
    for times in (1, 2):
        values = times * vector + sum(noise)
        values[0] += times - 1
        blindings = [sum(parts) for parts in zip(*([row[0] for row in each] for each in hidden), strict=True)]
        blindings = [own + times * row[0] for own, row in zip(blindings, rows, strict=False)]
        assert not all(opened(scheme.mask_claims(Opening(values, blindings), committed, points), RNG))


def test_points_of_the_code() -> None:
    """Three miners hold seven of 21 shares each, from -10 on; ten recover."""
    assert [PACKED.points(seat, 3) for seat in range(3)] == [tuple(range(at, at + 7)) for at in (-10, -3, 4)]
    assert [SHAMIR.points(seat, 3) for seat in range(3)] == [(1,), (2,), (3,)]
    assert {PLAIN.points(seat, 3) for seat in range(3)} == {(0,)}


def test_one_miner_of_the_packed_form_reads_a_tenth_of_the_update() -> None:
    """The second holds the share at 0, which is the first coefficient of each polynomial: every tenth number."""
    vector = vectors(1)[0]
    rows = PACKED.polynomials(vector, RNG)
    assert 0 in PACKED.points(1, 3)
    assert signed(share(rows, 0)[1:]) == vector[::10].tolist()
    assert PACKED.reveals


def test_one_miner_of_the_packed_form_finds_small_numbers_without_their_randomness() -> None:
    """Nothing but the blinding is random: the same update gives the same shares, so a guess can be confirmed."""
    vector = vectors(1)[0]
    first, second = (share(PACKED.polynomials(vector, np.random.default_rng(k)), 5)[1:] for k in (1, 2))
    assert first == second
    first, second = (share(SHAMIR.polynomials(vector, np.random.default_rng(k)), 1)[1:] for k in (1, 2))
    assert not set(first) & set(second)
    assert not SHAMIR.reveals


def test_two_miners_of_the_packed_form_read_all_of_it() -> None:
    vector = vectors(1)[0]
    rows = PACKED.polynomials(vector, RNG)
    held = {x: share(rows, x) for seat in (0, 2) for x in PACKED.points(seat, 3)}
    assert len(held) == 14
    np.testing.assert_array_equal(PACKED.recovered(held, WIDTH).values, vector)


def test_without_sharing_a_share_is_the_vector() -> None:
    vector = vectors(1)[0]
    assert signed(share(PLAIN.polynomials(vector, RNG), 0)[1:]) == vector.tolist()
    assert PLAIN.reveals
