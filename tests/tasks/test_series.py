"""Long events to hours, hours to summaries: against a loop that a reader can check, and at the edges."""

from __future__ import annotations

import numpy as np
import pytest

from chainward.tasks.cohort import Column, Series
from chainward.tasks.series import events_to_hours, plausible, summaries

PULSE = Column("pulse", unit="/min", least=0, most=300)
LACTATE = Column("lactate", unit="mmol/L", clipped=True)
ROWS, HOURS, VARIABLES = 5, 4, 3


def _events(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(count)
    row, hour, variable = (rng.integers(0, most, count) for most in (ROWS, HOURS, VARIABLES))
    value = rng.normal(100, 10, count)
    value[rng.random(count) < 0.2] = np.nan
    return row, hour, variable, value


@pytest.mark.parametrize("count", [0, 1, 40, 500])
def test_the_value_of_an_hour_is_the_mean_of_its_events(count: int) -> None:
    row, hour, variable, value = _events(count)
    found = events_to_hours(row, hour, variable, value, ROWS, HOURS, VARIABLES)
    assert found.shape == (ROWS, HOURS, VARIABLES)
    assert found.dtype == np.float32
    for cell in np.ndindex(found.shape):
        own = value[(row == cell[0]) & (hour == cell[1]) & (variable == cell[2])]
        own = own[~np.isnan(own)]
        expected = own.mean() if len(own) else np.nan
        np.testing.assert_allclose(found[cell], expected, rtol=1e-6)


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("beyond", [-1, 9])
def test_an_event_outside_the_cube_is_an_error_and_is_not_put_elsewhere(place: int, beyond: int) -> None:
    where = [np.array([0], dtype=np.int64) for _ in range(3)]
    where[place][0] = beyond
    with pytest.raises(ValueError, match="invalid entry"):
        events_to_hours(*where, np.array([1.0]), ROWS, HOURS, VARIABLES)


def test_an_implausible_value_is_missing_and_counted_for_its_variable() -> None:
    variable = np.array([0, 0, 0, 1, 0], dtype=np.int64)
    value = np.array([-1.0, 0.0, 300.0, 1e9, 300.1])
    kept, reasons = plausible(variable, value, (PULSE, LACTATE))
    np.testing.assert_array_equal(kept, [np.nan, 0.0, 300.0, 1e9, np.nan])
    assert reasons == {"pulse beyond 0 to 300 /min is missing": 2}


def test_summaries_are_those_of_the_measured_times() -> None:
    values = np.full((3, 4, 2), np.nan, dtype=np.float32)
    values[0, :, 0] = [np.nan, 90, 60, 75]
    values[1, 2, 0] = 80
    values[0, :, 1] = [1, 2, 3, 4]
    columns, frame = summaries(Series((PULSE, LACTATE), values))
    assert list(frame.columns) == [column.name for column in columns]
    pulse = frame[[f"pulse {measure}" for measure in ("first", "last", "min", "max", "mean", "count")]].to_numpy()
    np.testing.assert_array_equal(pulse[0], [90, 75, 60, 90, 75, 3])
    np.testing.assert_array_equal(pulse[1], [80, 80, 80, 80, 80, 1])
    np.testing.assert_array_equal(pulse[2], [*[np.nan] * 5, 0])
    np.testing.assert_array_equal(frame.loc[0, "lactate first":"lactate count"], [1, 4, 1, 4, 2.5, 4])
    assert frame.to_numpy().dtype == np.float64


def test_a_summary_keeps_its_variable_s_unit_and_range_and_a_count_has_its_own() -> None:
    columns, _ = summaries(Series((PULSE, LACTATE), np.zeros((1, 2, 2), dtype=np.float32)))
    own = {column.name: column for column in columns}
    assert (own["pulse max"].unit, own["pulse max"].most) == ("/min", 300)
    assert own["lactate mean"].clipped
    assert own["pulse count"].unit == "{times}"
    assert not own["lactate count"].clipped


def test_a_series_without_patients_has_the_same_columns() -> None:
    columns, frame = summaries(Series((PULSE, LACTATE), np.empty((0, 4, 2), dtype=np.float32)))
    assert frame.shape == (0, len(columns)) == (0, 12)
