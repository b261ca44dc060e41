"""Predictions come back bit by bit."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_records import predicted

from chainward.results.document import Unsound
from chainward.results.predictions import Predicted, Predictions, decode, decode_own_models, encode

PROBABILITIES = st.lists(st.floats(0, 1), min_size=6, max_size=6)
NAMES = st.lists(st.text(min_size=1, max_size=3).map(lambda name: f"{name}."), min_size=6, max_size=6)


@given(PROBABILITIES, PROBABILITIES, NAMES, st.permutations(range(6)))
def test_what_is_written_comes_back_by_patient(
    ours: list[float], own: list[float], names: list[str], patients: list[int]
) -> None:
    one, other = np.array(own), np.array(own[::-1])
    models = {"a": one, "b": other, "c": one.copy()}
    whole = Predicted(np.array(names), np.array(patients), np.array([0, 1] * 3, dtype=np.uint8), np.array(ours), models)
    data = encode(whole)
    found, order = decode(data), np.argsort(patients)
    assert found.probability.tobytes() == whole.probability[order].tobytes()
    assert found.hospital.tolist() == whole.hospital[order].tolist()
    assert (found.patient.tolist(), found.label.tolist()) == ([*range(6)], whole.label[order].tolist())
    alone = decode_own_models(data)
    assert {name: mine.probability.tobytes() for name, mine in alone.items()} == {
        name: values[order].tobytes() for name, values in models.items()
    }


def test_equal_predictions_give_equal_bytes() -> None:
    assert encode(predicted()) == encode(predicted())


def test_predictions_that_are_alike_are_stored_once() -> None:
    rng = np.random.default_rng(0)
    values = rng.random(2_000)
    alone = {f"hospital {number}": values for number in range(200)}
    alike, apart = (encode(predicted(values, [0, 1] * 1_000, own_models=own)) for own in (alone, {"a": values}))
    assert len(alike) < len(apart) + 2_000
    assert len(decode_own_models(alike)) == 200


def test_one_model_for_all_is_no_own_model() -> None:
    assert decode_own_models(encode(predicted())) == {}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="a predicted probability is not finite"):
        encode(predicted((value, 0.5)))
    with pytest.raises(ValueError, match="a predicted probability is not finite"):
        encode(predicted(own_models={"north": (value, 0.5)}))


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        encode(replace(predicted(), patient=np.arange(3)))


def test_a_name_that_numpy_would_cut_is_refused() -> None:
    with pytest.raises(ValueError, match="ends in a NUL"):
        encode(replace(predicted(), own_models={"north\0": np.array([0.5, 0.5])}))


def pickled() -> bytes:
    file = io.BytesIO()
    np.savez(file, hospitals=np.array([object()]), hospital=np.zeros(1, dtype=int))
    return file.getvalue()


def encrypted() -> bytes:
    """Every entry of the directory says so."""
    before, *entries = encode(predicted()).split(b"PK\x01\x02")
    return b"PK\x01\x02".join([before, *(entry[:4] + bytes([entry[4] | 1]) + entry[5:] for entry in entries)])


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", encode(predicted())[:-50], pickled(), encrypted()], ids=range(5))
def test_what_is_no_such_file_is_refused(data: bytes) -> None:
    for reading in (decode, decode_own_models):
        with pytest.raises(Unsound, match="cannot be read"):
            reading(data)


@settings(max_examples=300)
@given(st.data())
def test_a_byte_that_was_changed_is_refused_or_changes_nothing(data: st.DataObject) -> None:
    whole = encode(predicted((0.1, 0.7, 0.9), (0, 1, 1), ("north", "south", "south"), {"north": (0.2, 0.3, 0.4)}))
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[place] ^= data.draw(st.integers(1, 255))
    for reading in (decode, decode_own_models):
        with suppress(Unsound):
            assert columns(reading(bytes(changed))) == columns(reading(whole))


def bomb(member: str, bytes_: int) -> bytes:
    """A file of predictions whose member unpacks into so many zeros."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(encode(predicted()))) as sound, zipfile.ZipFile(file, "w") as made:
        for name in sound.namelist():
            if name != member:
                made.writestr(name, sound.read(name))
                continue
            with made.open(zipfile.ZipInfo(name), "w", force_zip64=True) as packed:
                packed.write(bytes(bytes_))
    return file.getvalue()


def test_a_file_that_would_unpack_into_all_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainward.results.predictions.LARGEST", 10_000)
    decode(encode(predicted()))
    for member in ("probability.npy", "hospitals.npy"):
        with pytest.raises(Unsound, match="ValueError"):
            decode(bomb(member, 10_001))
    with pytest.raises(Unsound, match="ValueError"):
        decode_own_models(bomb("own_rows.npy", 10_001))


def test_names_that_would_fill_memory_once_a_patient_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = predicted()
    long = replace(found, hospital=np.array(["x" * 1000] * len(found.patient)))
    decode(encode(long))
    monkeypatch.setattr("chainward.results.predictions.LARGEST", 4000 * (len(found.patient) - 1) + 400)
    with pytest.raises(Unsound, match="ValueError"):
        decode(encode(long))


def columns(found: Predictions | dict[str, Predictions]) -> object:
    if isinstance(found, dict):
        return {name: columns(one) for name, one in found.items()}
    return [column.tolist() for column in (found.hospital, found.patient, found.label, found.probability)]
