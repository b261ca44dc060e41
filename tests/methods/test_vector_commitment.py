"""Commitments: they add up, hide, bind, and catch what was tampered with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from zksnake.ecc import EllipticCurve

from chainward.methods.sharing import FIELD
from chainward.methods.vector_commitment import (
    FLOPS_A_FIELD_PRODUCT,
    FLOPS_A_GROUP_OPERATION,
    Claim,
    combined,
    commit,
    commitment_flops,
    group_operations,
    on_curve,
    opened,
    opened_by,
    opening_flops,
)

RNG = np.random.default_rng(0)
NEUTRAL = bytes(64)


def test_commitments_add_up_and_scale() -> None:
    rows = [[5, 1, -2], [7, 10, 20]]
    points = [commit(row) for row in rows]
    assert combined(points, [3, -1]) == commit([3 * 5 - 7, 3 - 10, -6 - 20])
    assert combined(points, [FIELD, 0]) == NEUTRAL == commit([0, 0])


@given(st.lists(st.integers(-(2**300), 2**300) | st.integers(-9, 9), min_size=1, max_size=5))
def test_a_commitment_is_the_sum_of_points_as_the_curve_multiplies_them(row: list[int]) -> None:
    """Whatever is negative, long or zero: no sum of many points at once stands between."""
    group, domain = EllipticCurve("BN254").curve.PointG1, b"chainward vector commitment"
    parts = (group.hash_to_curve(domain, k.to_bytes(8, "big")) * (weight % FIELD) for k, weight in enumerate(row))
    total = sum(parts, group.identity())
    expected = bytes(total.x.to_bytes(32, "big") + total.y.to_bytes(32, "big"))
    assert commit(row) == expected
    assert combined([commit([0] * k + [1]) for k in range(len(row))], row) == expected


def test_a_shorter_row_is_a_longer_one_that_ends_in_zeros() -> None:
    assert commit([5, 1]) == commit([5, 1, 0, 0])


def test_equal_values_under_other_blindings_look_unrelated() -> None:
    assert commit([1, 7]) != commit([2, 7])


def test_each_place_has_a_generator_of_its_own() -> None:
    points = [commit([int(place == at) for at in range(6)]) for place in range(6)]
    curve = EllipticCurve("BN254")
    standard = curve.G1()
    assert len({*points, standard.x.to_bytes(32, "big") + standard.y.to_bytes(32, "big")}) == 7
    assert all(map(on_curve, points))


def by_rfc_9380(message: bytes, domain: bytes) -> bytes:
    """The point of BN254G1_XMD:SHA-256_SVDW_RO_ (RFC 9380, sections 5.3.1 and 6.6.1, Z = 1)."""
    curve = EllipticCurve("BN254")
    p = int(curve.field_modulus)

    def root(square: int) -> int:
        return pow(square, (p + 1) // 4, p)

    def mapped(u: int) -> Any:
        minor = root(-4 * 3) % p
        t = u * u * 4 % p
        shrink = pow((1 - t) * (1 + t), -1, p)
        side = u * (1 - t) * shrink * min(minor, p - minor, key=lambda y: y % 2)
        half = -pow(2, -1, p)
        for x in (half - side, half + side, 1 - 16 * pow(3, -1, p) * ((1 + t) ** 2 * shrink) ** 2):
            y = root((x**3 + 3) % p)
            if (y * y - x**3 - 3) % p == 0:
                return curve.curve.PointG1(x % p, y if y % 2 == u % 2 else p - y)
        raise AssertionError("one of three is on the curve")

    suffix = domain + bytes([len(domain)])
    first = hashlib.sha256(bytes(64) + message + (96).to_bytes(2, "big") + b"\0" + suffix).digest()
    blocks = [hashlib.sha256(first + b"\1" + suffix).digest()]
    for number in (2, 3):
        mixed = bytes(one ^ other for one, other in zip(first, blocks[-1], strict=True))
        blocks.append(hashlib.sha256(mixed + bytes([number]) + suffix).digest())
    spread = b"".join(blocks)
    point = mapped(int.from_bytes(spread[:48], "big") % p) + mapped(int.from_bytes(spread[48:], "big") % p)
    return bytes(point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big"))


@pytest.mark.parametrize("place", range(4))
def test_nobody_knows_a_relation_between_generators_since_they_are_hashed(place: int) -> None:
    """Multiples of one point by hashes would do everything else too, and bind nobody."""
    expected = by_rfc_9380(place.to_bytes(8, "big"), b"chainward vector commitment")
    assert commit([int(place == at) for at in range(4)]) == expected


def test_points_are_the_evms() -> None:
    assert on_curve(NEUTRAL)
    assert on_curve((1).to_bytes(32, "big") + (2).to_bytes(32, "big"))
    assert not on_curve((1).to_bytes(32, "big") + (3).to_bytes(32, "big"))
    assert not on_curve((EllipticCurve("BN254").field_modulus + 1).to_bytes(32, "big") + (2).to_bytes(32, "big"))
    assert not on_curve(b"")


def test_what_is_not_a_point_cannot_be_added() -> None:
    with pytest.raises(ValueError, match="not a point"):
        combined([b"\1" * 64], [1])


def claim(row: Sequence[int], said: Sequence[int] | None = None) -> Claim:
    return Claim(said or row, [commit(row)], [1])


@pytest.mark.parametrize("false", [(), (0,), (4,), (1, 2), (0, 1, 2, 3, 4)])
def test_just_the_false_claims_are_found(false: tuple[int, ...]) -> None:
    claims = [claim([k, k + 1, k + 2], [k, k + 1, k + 3] if k in false else None) for k in range(5)]
    assert opened(claims, RNG) == [k not in false for k in range(5)]


def test_false_claims_do_not_cancel_each_other() -> None:
    """Two errors of opposite sign add up to nothing, but not under random weights."""
    assert opened([claim([1, 5], [1, 6]), claim([2, 5], [2, 4])], RNG) == [False, False]


def test_a_blinding_must_open_too() -> None:
    assert opened([claim([1, 5], [2, 5])], RNG) == [False]


def test_a_claim_about_no_point_of_the_curve_is_false() -> None:
    assert opened([claim([1, 2]), Claim([1, 2], [b"\1" * 64], [1])], RNG) == [True, False]


def test_no_claims() -> None:
    assert opened([], RNG) == []


def test_who_claims_nothing_or_something_false_is_left_out() -> None:
    claims = {"a": [claim([1, 2]), claim([3])], "b": [], "c": [claim([1, 2]), claim([3], [4])], "d": [claim([9])]}
    assert opened_by(claims, RNG) == ["a", "d"]


def test_modelled_work_grows_with_points_and_bits() -> None:
    assert group_operations(1, 254) == pytest.approx(254 / 3 * 9, rel=0.3)
    assert group_operations(1000, 254) < 0.2 * 254 * 1000
    assert group_operations(1000, 41) < group_operations(1000, 254) < group_operations(2000, 254)
    assert commitment_flops(100) > FLOPS_A_GROUP_OPERATION * 254 > FLOPS_A_FIELD_PRODUCT
    many = [claim([1] * 50)] * 20
    assert commitment_flops(50) < opening_flops(many) < 20 * commitment_flops(50)
    assert opening_flops([]) == 0
