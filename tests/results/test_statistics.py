import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainward.results.statistics import Predictions, auroc_difference, auroc_interval, by_hospital, worst
from chainward.tasks.metrics import auroc


def trial(rng, signal=1.0, size=60, offset=0, hospitals=("a", "b", "c")):
    """Predictions for `size` patients; the chance of a positive to score higher grows with `signal`."""
    labels = rng.integers(0, 2, size)
    return Predictions(
        hospital=np.array(hospitals)[rng.integers(0, len(hospitals), size)],
        patient=np.arange(offset, offset + size),
        label=labels,
        probability=1 / (1 + np.exp(-rng.normal(signal * labels))),
    )


def trials(seed=0, signal=1.0, size=60):
    rng = np.random.default_rng(seed)
    return [trial(rng, signal, size, offset=size * number) for number in range(5)]


def rescored(predictions, noise, rng):
    probability = np.clip(predictions.probability + rng.normal(0, noise, len(predictions.label)), 0, 1)
    return Predictions(predictions.hospital, predictions.patient, predictions.label, probability)


def test_the_estimate_is_the_mean_over_seeds():
    seeds = trials()
    found = auroc_interval(seeds)
    assert found.estimate == pytest.approx(np.mean([auroc(seed.label, seed.probability) for seed in seeds]))
    assert found.low < found.estimate < found.high
    assert auroc_interval(seeds) == found
    assert auroc_interval(seeds, rng_seed=1) != found


def by_loops(seeds, replicates, rng):
    """The bootstrap as DESIGN says it, one replicate and one patient at a time."""
    means = []
    for _ in range(replicates):
        values = []
        for seed in (seeds[number] for number in rng.integers(len(seeds), size=len(seeds))):
            rows = np.concatenate(
                [
                    rng.choice(np.flatnonzero(seed.hospital == name), (seed.hospital == name).sum())
                    for name in np.unique(seed.hospital)
                ]
            )
            values.append(auroc(seed.label[rows], seed.probability[rows]))
        means.append(np.mean(values))
    return np.quantile(means, [0.025, 0.975])


def test_the_interval_is_that_of_the_plain_loops():
    seeds = trials(size=80)[:3]
    found = auroc_interval(seeds, replicates=4000)
    low, high = by_loops(seeds, 500, np.random.default_rng(5))
    assert (found.low, found.high) == (pytest.approx(low, abs=0.02), pytest.approx(high, abs=0.02))


def test_more_patients_narrow_the_interval():
    few, many = (auroc_interval(trials(size=size)) for size in (40, 640))
    assert many.high - many.low < (few.high - few.low) / 2


def test_a_strategy_does_not_differ_from_itself():
    found = auroc_difference(trials(), trials())
    assert (found.estimate, found.low, found.high) == (0, 0, 0)


def test_pairing_finds_a_difference_that_separate_intervals_hide():
    rng = np.random.default_rng(3)
    clear = trials(signal=1.5, size=150)
    noisy = [rescored(seed, 0.08, rng) for seed in clear]
    found = auroc_difference(clear, noisy)
    assert 0 < found.low < found.estimate < found.high
    ours, theirs = auroc_interval(clear), auroc_interval(noisy)
    assert ours.low < theirs.high
    assert found.estimate == pytest.approx(ours.estimate - theirs.estimate)
    turned = auroc_difference(noisy, clear)
    assert (turned.low, turned.high) == (pytest.approx(-found.high), pytest.approx(-found.low))


def test_rows_in_another_order_are_the_same_predictions():
    seeds = trials()
    turned = [Predictions(s.hospital[::-1], s.patient[::-1], s.label[::-1], s.probability[::-1]) for s in seeds]
    assert auroc_interval(turned) == auroc_interval(seeds)
    assert auroc_difference(seeds, turned).high == 0


def test_other_patients_cannot_be_paired():
    with pytest.raises(ValueError, match="same seeds and patients"):
        auroc_difference(trials(), trials(seed=1))
    with pytest.raises(ValueError, match="same seeds and patients"):
        auroc_difference(trials(), trials()[:4])


def test_no_seed_and_one_class():
    with pytest.raises(ValueError, match="no seed"):
        auroc_interval([])
    healthy = Predictions(["a", "a"], [1, 2], [0, 0], [0.1, 0.2])
    assert auroc_interval([healthy]) is None
    assert auroc_difference([healthy], [healthy]) is None


def test_a_tiny_test_set_still_has_an_interval():
    found = auroc_interval([Predictions(["a"] * 4, [1, 2, 3, 4], [0, 1, 0, 1], [0.1, 0.4, 0.5, 0.9])])
    assert 0 <= found.low <= found.estimate <= found.high <= 1


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ((["a"], [1, 2], [0, 1], [0.1, 0.2]), "length"),
        ((["a", "a"], [1, 1], [0, 1], [0.1, 0.2]), "twice"),
        ((["a", "a"], [1, 2], [0, 1], [0.1, float("nan")]), "finite"),
    ],
)
def test_unsound_predictions_are_refused(broken, said):
    with pytest.raises(ValueError, match=said):
        Predictions(*broken)


def hospital(name, positives, negatives, offset, probability=None):
    size = positives + negatives
    rng = np.random.default_rng(offset)
    return Predictions(
        np.full(size, name),
        np.arange(offset, offset + size),
        np.repeat([1, 0], [positives, negatives]),
        rng.random(size) if probability is None else probability,
    )


def test_ten_of_each_class_make_a_hospital_estimable():
    few, enough = by_hospital([hospital("few", 115, 9, 0), hospital("plenty", 10, 10, 500)])
    assert (few.auroc, str(few)) == (None, "not estimable (115+, 9−)")
    assert enough.auroc.low <= enough.auroc.estimate <= enough.auroc.high
    assert str(enough).startswith("0.")


def test_repeated_partitions_do_not_multiply_patients():
    seeds = [hospital("swiss", 30, 8, 0), hospital("swiss", 30, 8, 0)]
    assert str(by_hospital(seeds)[0]) == "not estimable (30+, 8−)"
    (once,), (twice,) = by_hospital([hospital("b", 30, 30, 0)]), by_hospital([hospital("b", 30, 30, 0)] * 2)
    assert (twice.positives, twice.negatives) == (30, 30)
    assert (twice.auroc.low, twice.auroc.high) == (pytest.approx(once.auroc.low), pytest.approx(once.auroc.high))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_hospital_figures_pool_all_seeds(seed):
    seeds = trials(seed)
    for score in by_hospital(seeds, replicates=50):
        labels, scores = (
            np.concatenate([getattr(one, name)[one.hospital == score.hospital] for one in seeds])
            for name in ("label", "probability")
        )
        assert score.auroc.estimate == pytest.approx(auroc(labels, scores))
        assert (score.positives, score.negatives) == (labels.sum(), (1 - labels).sum())


def test_the_worst_hospital_is_an_estimable_one():
    right = np.repeat([0.9, 0.1], [20, 20])
    scores = by_hospital(
        [hospital("good", 20, 20, 0, right), hospital("bad", 20, 20, 100, 1 - right), hospital("tiny", 9, 20, 200)]
    )
    assert worst(scores).hospital == "bad"
    assert worst(scores[1:2]) is scores[1]
    assert worst([score for score in scores if score.hospital == "tiny"]) is None
