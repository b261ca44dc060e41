"""Krum, Multi-Krum and Bulyan by hand, by their definitions, and against updates that are no numbers."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainward.methods import aggregation
from chainward.methods.aggregation import mean
from chainward.methods.selection import (
    bulyan,
    bulyan_selected,
    krum,
    krum_names,
    krum_scores,
    krum_selected,
    multi_krum,
    squared_distances,
)

Updates = npt.NDArray[np.float64]
Merge = Callable[[npt.ArrayLike, int], npt.NDArray[np.float32]]
LINE = [[0.0], [0.1], [0.2], [0.3], [5.0]]
NOT_FINITE = [np.nan, np.inf, -np.inf, 1e170]
MERGES = [krum, partial(multi_krum, kept=3), bulyan]
NAMES = ["krum", "multi_krum", "bulyan"]


def random_cohort(seed: int, count: int, size: int = 6) -> Updates:
    return np.random.default_rng(seed).normal(size=(count, size))


@st.composite
def cohorts(draw: st.DrawFn, factor: int, ties: bool = True) -> tuple[Updates, int, np.random.Generator]:
    """Updates [K, P], the f that K >= factor * f + 3 admits, and a stream.

    Two that are nearest neighbours of each other tie where a score is one distance, as late in Bulyan with f = 1 or 2;
    without ties there are at least two, all updates are selected, or K = f + 3 is left out.
    """
    tolerated = draw(st.integers(0, 3) if ties else st.sampled_from([0, 3]))
    count = draw(st.integers(max(3 + (not ties), factor * tolerated + 3), factor * tolerated + 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return rng.normal(size=(count, draw(st.integers(1, 8)))), tolerated, rng


def plain_scores(updates: Updates, tolerated: int) -> list[float]:
    """Krum's scores as one would write them from the paper."""
    rows = [[float(np.sum((one - other) ** 2)) for other in updates] for one in updates]
    count = len(updates) - tolerated - 2
    return [sum(sorted(row[:index] + row[index + 1 :])[:count]) for index, row in enumerate(rows)]


def plain_bulyan(updates: Updates, tolerated: int) -> list[float]:
    """Bulyan as one would write it from the paper, coordinate by coordinate."""
    left, selected = list(updates), []
    for _ in range(len(updates) - 2 * tolerated):
        scores = plain_scores(np.array(left), min(tolerated, len(left) - 3)) if len(left) > 1 else [0.0]
        selected.append(left.pop(int(np.argmin(scores))))
    beta = len(selected) - 2 * tolerated
    merged = []
    for values in np.transpose(selected).tolist():
        median = float(np.median(values))
        merged.append(sum(sorted(values, key=lambda value: abs(value - median))[:beta]) / beta)
    return merged


# ------------------------------------------------------------------------------------------- by hand


def test_scores_of_the_digest() -> None:
    assert krum_scores(LINE, 1) == pytest.approx([0.05, 0.02, 0.02, 0.05, 45.13], abs=1e-12)


def test_a_tie_goes_to_the_lower_index() -> None:
    """Updates 1 and 2 differ by rounding only, whichever way the sums fall."""
    assert krum_selected(LINE, 1, 4).tolist() == [1, 2, 0, 3]
    assert krum(LINE, 1) == pytest.approx([0.1])
    assert krum_selected(LINE[::-1], 1, 1).tolist() == [2]
    assert krum_selected(np.zeros((7, 3)), 2, 5).tolist() == [0, 1, 2, 3, 4]
    assert krum_selected([[0.0], [3e-7], [4e-7], [5e-7]], 0, 1).tolist() == [0]  # all scores round to 0


def test_multi_krum_of_the_digest() -> None:
    assert multi_krum(LINE, 1, 4) == pytest.approx([0.15])


def test_one_neighbour_of_the_code_variant() -> None:
    """Biscotti's code tolerates half: f = 2 of five leaves one neighbour, and breaks K >= 2 f + 3."""
    with pytest.raises(ValueError, match=r"2 f \+ 3 = 7 updates to tolerate f = 2, not 5"):
        krum_scores(LINE, 2)


def test_bulyan_by_hand() -> None:
    """One liar is tolerated, two lie: with one neighbour each and nobody else left, they are Krum's choice in the end.

    The scores of 0 … 4 are 30, 15, 10, 15, 30, so 2 goes first; then 1 of 14 and 14, then 3, then 0 of 16 and 16. Then
    4 has a neighbour at 46, the liars at 10. The three closest to the median of 0, 1, 2, 3 and 50 are 1, 2 and 3.
    """
    updates = [[0.0], [1.0], [2.0], [3.0], [4.0], [50.0], [60.0]]
    assert bulyan_selected(updates, 1).tolist() == [2, 1, 3, 0, 5]
    assert bulyan(updates, 1) == pytest.approx([2.0])


def test_of_two_equally_close_values_the_smaller() -> None:
    """Selected are -2, -1, 0, 2 and 50, of which -2 and 2 are as close to the median."""
    updates = np.array([[-2.0], [-1.0], [0.0], [2.0], [3.0], [50.0], [70.0]])
    assert bulyan_selected(updates, 1).tolist() == [2, 1, 3, 0, 5]
    assert bulyan(updates, 1) == pytest.approx([-1.0])


def test_bulyan_outvotes_a_single_coordinate() -> None:
    """An update that Krum cannot tell from the others takes no part where it is far off."""
    updates = random_cohort(5, 11, 4_000)
    first = int(krum_selected(updates, 2, 1)[0])
    updates[first, 7] = 10.0
    selected = bulyan_selected(updates, 2)
    assert first in selected
    assert mean(updates[selected])[7] > 1
    assert abs(bulyan(updates, 2)[7]) < 0.5


# -------------------------------------------------------------------------------------- by definition


@given(cohorts(factor=2))
def test_scores_are_those_of_the_definition(cohort: tuple[Updates, int, np.random.Generator]) -> None:
    updates, tolerated, _ = cohort
    np.testing.assert_allclose(krum_scores(updates, tolerated), plain_scores(updates, tolerated), rtol=1e-9)


@given(cohorts(factor=4))
def test_bulyan_is_that_of_the_definition(cohort: tuple[Updates, int, np.random.Generator]) -> None:
    updates, tolerated, _ = cohort
    np.testing.assert_allclose(bulyan(updates, tolerated), plain_bulyan(updates, tolerated), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("merge", MERGES, ids=NAMES)
@given(cohort=cohorts(factor=4, ties=False))
def test_the_order_of_updates_does_not_matter(merge: Merge, cohort: tuple[Updates, int, np.random.Generator]) -> None:
    updates, tolerated, rng = cohort
    shuffled = updates[rng.permutation(len(updates))]
    np.testing.assert_allclose(merge(shuffled, tolerated), merge(updates, tolerated), atol=1e-6)


@pytest.mark.parametrize("merge", MERGES, ids=NAMES)
@given(cohort=cohorts(factor=4))
def test_a_common_offset_is_added_to_the_merge(merge: Merge, cohort: tuple[Updates, int, np.random.Generator]) -> None:
    updates, tolerated, rng = cohort
    offset = rng.normal(scale=3, size=updates.shape[1])
    np.testing.assert_allclose(merge(updates + offset, tolerated), merge(updates, tolerated) + offset, atol=1e-5)


@given(cohorts(factor=2))
def test_tolerating_nobody_and_keeping_all_is_the_mean(cohort: tuple[Updates, int, np.random.Generator]) -> None:
    updates, _, _ = cohort
    np.testing.assert_allclose(multi_krum(updates, 0, len(updates)), mean(updates), atol=1e-6)
    np.testing.assert_allclose(bulyan(updates, 0), mean(updates), atol=1e-6)


@given(cohorts(factor=2))
def test_krum_gives_back_an_update_and_keeping_one_is_krum(cohort: tuple[Updates, int, np.random.Generator]) -> None:
    updates, tolerated, _ = cohort
    chosen = krum(updates, tolerated)
    assert chosen.dtype == np.float32
    assert (updates.astype(np.float32) == chosen).all(axis=1).any()
    np.testing.assert_array_equal(multi_krum(updates, tolerated, 1), chosen)


@pytest.mark.parametrize("merge", MERGES, ids=NAMES)
def test_identical_updates_are_their_own_merge(merge: Merge) -> None:
    update = np.random.default_rng(0).normal(size=50).astype(np.float32)
    np.testing.assert_array_equal(merge([update] * 11, 2), update)


@pytest.mark.parametrize("merge", MERGES, ids=NAMES)
def test_liars_who_agree_are_not_followed(merge: Merge) -> None:
    """Two identical lies have one neighbour at distance 0, and need more than that.

    At the end of Bulyan one neighbour is enough, but there their values are outvoted.
    """
    updates = random_cohort(3, 11)
    updates[:2] = 1e6
    assert np.abs(merge(updates, 2)).max() < 5
    assert np.abs(mean(updates)).min() > 1e5


# ----------------------------------------------------------------------------------------- precision


def test_distances_far_from_the_origin_keep_their_digits() -> None:
    """Without a common origin, ||w_i||^2 + ||w_j||^2 - 2 w_i.w_j of updates near 1e8 has no digit left."""
    near = random_cohort(1, 9, 40)
    moved = near + 1e8
    expected = ((moved[:, None] - moved) ** 2).sum(axis=2)
    np.testing.assert_allclose(squared_distances(moved), expected, rtol=1e-12, atol=1e-12)


def test_an_update_far_away_costs_the_others_no_digits() -> None:
    """A mean for origin would lie at 1e17, where the others are all the same."""
    updates = random_cohort(2, 9, 40)
    updates[4] = 1e18
    others = np.delete(np.arange(9), 4)
    expected = ((updates[others, None] - updates[others]) ** 2).sum(axis=2)
    np.testing.assert_allclose(squared_distances(updates)[np.ix_(others, others)], expected, rtol=1e-12, atol=1e-12)


@given(st.integers(0, 2**32), st.integers(2, 40), st.integers(1, 2_000))
def test_distances_are_symmetric_and_never_negative(seed: int, count: int, size: int) -> None:
    """Rounding puts that of two equal updates on either side of zero."""
    distances = squared_distances(np.repeat(random_cohort(seed, count, size), 2, axis=0))
    assert (distances >= 0).all()
    np.testing.assert_array_equal(distances, distances.T)
    np.testing.assert_array_equal(distances.diagonal(), 0)


def test_a_cohort_in_parts_has_the_same_merges(monkeypatch: pytest.MonkeyPatch) -> None:
    updates = random_cohort(4, 11, 23).astype(np.float32)
    whole = [merge(updates, 2) for merge in MERGES]
    monkeypatch.setattr(aggregation, "BLOCK", 25)
    for merge, expected in zip(MERGES, whole, strict=True):
        np.testing.assert_allclose(merge(updates, 2), expected, rtol=1e-6)


@pytest.mark.parametrize("merge", MERGES, ids=NAMES)
def test_memory_is_a_few_copies_of_the_cohort(merge: Merge) -> None:
    """Far from the K * K * P values of all differences at once: 2 GiB here."""
    updates = np.random.default_rng(5).standard_normal((200, 25_000), dtype=np.float32)
    tracemalloc.start()
    merge(updates, 40)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * updates.nbytes


# ----------------------------------------------------------------------------------- what is no number


@pytest.mark.parametrize("value", NOT_FINITE)
def test_what_is_not_finite_is_infinitely_far(value: float) -> None:
    updates = random_cohort(6, 9)
    updates[5, 2] = value
    distances = squared_distances(updates)
    assert np.isinf(distances[5]).all()
    assert np.isinf(distances[:, 5]).all()
    rest = np.delete(np.arange(9), 5)
    np.testing.assert_allclose(distances[np.ix_(rest, rest)], squared_distances(updates[rest]), atol=1e-12)


@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize("merge", MERGES, ids=NAMES)
def test_what_is_not_finite_is_never_selected(merge: Merge, value: float) -> None:
    """As many as are tolerated leave the merge finite, and near the honest updates."""
    updates = random_cohort(7, 11)
    updates[[0, 6]] = value
    merged = merge(updates, 2)
    assert np.isfinite(merged).all()
    assert np.abs(merged).max() < 5
    assert not {0, 6} & set(krum_selected(updates, 2, 9).tolist())
    assert not {0, 6} & set(bulyan_selected(updates, 2).tolist())


@pytest.mark.parametrize("value", NOT_FINITE)
def test_a_single_value_that_is_no_number_loses_its_update(value: float) -> None:
    updates = random_cohort(8, 7)
    updates[3, 0] = value
    assert krum_scores(updates, 1)[3] == np.inf
    assert 3 not in krum_selected(updates, 1, 6)


def test_more_than_tolerated_are_refused() -> None:
    updates = random_cohort(9, 7)
    updates[:2] = np.nan
    with pytest.raises(ValueError, match="more updates that are not finite than the rule tolerates"):
        krum_selected(updates, 1, 6)
    with pytest.raises(ValueError, match="more updates that are not finite"):
        bulyan(np.vstack([updates[1:], updates[1:2]]), 0)
    with pytest.raises(ValueError, match="more updates that are not finite"):
        bulyan(updates[1:], 0)
    with pytest.raises(ValueError, match="more updates that are not finite"):
        krum(np.full((5, 2), np.nan), 1)


# ------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(("count", "tolerated"), [(2, 0), (4, 1), (6, 2), (5, -1)])
def test_too_few_for_krum(count: int, tolerated: int) -> None:
    for refused in (krum, krum_scores, partial(krum_selected, kept=1), partial(multi_krum, kept=1)):
        with pytest.raises(ValueError, match=r"Krum needs 2 f \+ 3"):
            refused(random_cohort(0, count), tolerated)


@pytest.mark.parametrize(("count", "tolerated"), [(2, 0), (6, 1), (10, 2), (9, -1)])
def test_too_few_for_bulyan(count: int, tolerated: int) -> None:
    for refused in (bulyan, bulyan_selected):
        with pytest.raises(ValueError, match=r"Bulyan needs 4 f \+ 3"):
            refused(random_cohort(0, count), tolerated)


@pytest.mark.parametrize("kept", [-1, 0, 5])
def test_keeping_none_or_more_than_are_honest(kept: int) -> None:
    with pytest.raises(ValueError, match=f"between 1 and 4 of 5 updates, not {kept}"):
        multi_krum(LINE, 1, kept)


def test_krum_names_whom_it_keeps_and_drops_as_many_as_it_tolerates() -> None:
    near = {name: np.array([number / 10, 1.0]) for number, name in enumerate("abcde")}
    updates = {"far": np.array([50.0, 1.0]), **near, "farther": np.array([0.0, -90.0])}
    assert krum_names(updates, tolerated=2) == tuple("abcde")
    assert len(krum_names(near, tolerated=1)) == 4


def test_of_fewer_than_three_krum_keeps_all() -> None:
    assert krum_names({"a": np.array([1.0]), "b": np.array([1e9])}, tolerated=0) == ("a", "b")
    assert krum_names({}, tolerated=0) == ()
