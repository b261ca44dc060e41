"""Whose patients are where."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainward.errors import ChainwardError
from chainward.tasks.cohort import Cohort, Column
from chainward.tasks.divide import divide
from chainward.tasks.division import DIALS, Division, Partition
from chainward.tasks.encoding import encode
from chainward.tasks.partition import Dealt, deal

DEALT = ("iid", "labels", "quantity", "features")


def cohort(rows: int = 600, patients: bool = False) -> Cohort:
    rng = np.random.default_rng(5)
    severity = rng.normal(size=rows)
    frame = pd.DataFrame(
        {
            "age": severity + 0.3 * rng.normal(size=rows),
            "pulse": severity + 0.3 * rng.normal(size=rows),
            "ward": rng.choice(["a", "b"], rows),
        }
    )
    frame.loc[rng.random(rows) < 0.1, "pulse"] = np.nan
    columns = (Column("age"), Column("pulse"), Column("ward", "category"))
    whose = rng.integers(0, rows // 2, rows) if patients else None
    hospitals = rng.choice(4, rows, p=[0.1, 0.2, 0.3, 0.4])
    return Cohort(columns, frame, rng.random(rows) < 0.3, hospitals, ("A", "B", "C", "D"), rows, patients=whose)


def dealt(how: Partition, whole: Cohort | None = None) -> Dealt:
    whole = whole or cohort()
    return deal(whole, encode(whole), how)


def sizes(found: Dealt) -> np.ndarray:
    return np.bincount(found.sites, minlength=len(found.names))


def test_natural_hospitals_are_left_alone() -> None:
    whole = cohort()
    found = dealt(Partition(), whole)
    assert np.array_equal(found.sites, whole.hospitals)
    assert (found.names, found.notes) == (whole.names, ())


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(DEALT), st.integers(1, 12), st.floats(0.3, 10), st.integers(0, 5), st.booleans())
def test_everybody_is_dealt_once_and_nobody_apart_from_themselves(
    kind: str, hospitals: int, concentration: float, seed: int, several: bool
) -> None:
    whole = cohort(patients=several)
    how = Partition(kind, hospitals, concentration=concentration, seed=seed)  # type: ignore[arg-type]
    found, again = dealt(how, whole), dealt(how, whole)
    assert np.array_equal(found.sites, again.sites)
    assert found.rows.tolist() == list(range(600))
    assert sizes(found).min() > 0
    assert len(found.names) == hospitals
    assert "no hospitals" in found.notes[0]
    for patient in np.unique(whole.identities):
        assert len(set(found.sites[whole.identities == patient].tolist())) == 1


def test_evenly_means_evenly() -> None:
    found = dealt(Partition("iid", 7))
    assert sizes(found).max() - sizes(found).min() <= 1
    assert not np.array_equal(found.sites, dealt(Partition("iid", 7, seed=1)).sites)


def test_labels_are_the_more_skewed_the_smaller_the_concentration() -> None:
    whole = cohort()

    def spread(concentration: float) -> float:
        found = dealt(Partition("labels", 5, concentration=concentration), whole)
        return float(np.std([whole.labels[found.sites == site].mean() for site in range(5)]))

    assert spread(0.3) > 3 * spread(100)


def test_sizes_are_the_more_skewed_the_smaller_the_concentration() -> None:
    few, many = (sizes(dealt(Partition("quantity", 10, concentration=c))) for c in (0.2, 1000))
    assert few.max() > 3 * many.max()
    assert (few.sum(), many.sum()) == (600, 600)


def test_features_are_in_bands_and_noise_mixes_them() -> None:
    whole = cohort()

    def spread(concentration: float) -> float:
        found = dealt(Partition("features", 4, concentration=concentration), whole)
        return float(np.std([whole.frame["age"][found.sites == site].mean() for site in range(4)]))

    assert spread(0) > 0.8 > 0.2 > spread(50)


def test_a_sample_holds_so_many_of_the_largest_hospitals() -> None:
    whole = cohort()
    found = dealt(Partition("sample", 2, 80), whole)
    assert found.names == ("C", "D")
    assert sizes(found).tolist() == [80, 80]
    assert {whole.names[site] for site in whole.hospitals[found.rows]} == {"C", "D"}
    with pytest.raises(ChainwardError, match=r"partition: 2 of 4 hospitals have 150 patients, not 3; ask for fewer"):
        dealt(Partition("sample", 3, 150), whole)


def test_what_cannot_be_dealt_is_refused_in_one_line() -> None:
    with pytest.raises(ChainwardError, match="20 patients cannot be dealt to 21 sites; ask for fewer"):
        dealt(Partition("iid", 21), cohort(20))
    with pytest.raises(ChainwardError, match="concentration: labels needs more than 0"):
        dealt(Partition("labels", 3, concentration=0))
    with pytest.raises(ChainwardError, match="leaves a site without patients in 100 draws; ask for a larger"):
        dealt(Partition("labels", 20, concentration=0.001), cohort(60))


@pytest.mark.parametrize("kind", sorted(DIALS))
def test_every_kind_trains(kind: str) -> None:
    dials = {name: value for name, value in {"hospitals": 3, "patients": 40}.items() if name in DIALS[kind]}
    found = divide(cohort(), 0, Division(partition=Partition(kind, **dials)))  # type: ignore[arg-type]
    assert len(found.hospitals) == (4 if kind == "natural" else 3)
    assert found.digest != divide(cohort(), 1, Division(partition=Partition(kind, **dials))).digest  # type: ignore[arg-type]


def test_a_sample_is_of_patients_with_all_their_stays() -> None:
    whole = cohort(patients=True)
    found = dealt(Partition("sample", 2, 40), whole)
    for site in range(2):
        rows = found.rows[found.sites == site]
        assert len(np.unique(whole.identities[rows])) == 40
        at = whole.hospitals == whole.names.index(found.names[site])
        assert set(rows) == set(np.flatnonzero(at & np.isin(whole.identities, whole.identities[rows])))
