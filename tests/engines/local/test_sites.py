"""What a local function can do at its party, and what that costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from small_dataset import SIZES, dataset, engine, training

from chainward import codec
from chainward.engines.local.in_process import InProcessEngine
from chainward.engines.local.sites import nobody_of
from chainward.world import ACCURACY, HELD_OUT_ACCURACY, PUBLISH, Answer, Kind, Published, Query, Unreadable, Weights
from chainward.world.forms import read

VALUE = (1.5, b"content")


@pytest.fixture
def parties() -> InProcessEngine:
    return engine(training(), dataset())


def at(parties: InProcessEngine, party: str, function: Any, payload: Any = None) -> Answer:
    query = Query("work", Kind.STATISTICS, lambda site, memory, payload: (function(site, payload), memory))
    return parties.run(query, {party: payload}, "1/work/1")[party]


def published(parties: InProcessEngine, readers: tuple[str, ...] | None) -> Answer:
    return at(parties, "odd", lambda site, _: site.publish(VALUE, Kind.UPDATE, readers))


def test_what_is_published_in_the_clear_is_read_by_anyone(parties: InProcessEngine) -> None:
    answer = published(parties, None)
    size = codec.size(VALUE)
    assert answer.cost.published == (Published(Kind.UPDATE, None, size),)
    assert answer.cost.trips == 1
    read = at(parties, "large", lambda site, cid: site.read({"odd": cid}, Any), answer.value)
    assert read.value == {"odd": VALUE}
    assert (read.cost.fetched, read.cost.trips, read.cost.published) == (size, 1, ())


def test_what_is_published_for_readers_is_read_by_them_only(parties: InProcessEngine) -> None:
    answer = published(parties, ("large", "small"))
    (item,) = answer.cost.published
    assert item.readers == ("large", "small")
    assert item.size > codec.size(VALUE)

    def reads(reader: str, sealed: bool = True) -> Answer:
        return at(parties, reader, lambda site, cid: site.read({"odd": cid}, Any, sealed=sealed), answer.value)

    for reader in item.readers:
        assert reads(reader).value == {"odd": VALUE}
    other = reads("single")
    assert (other.value, other.cost.unreadable) == ({}, ("odd",))
    assert VALUE[1] not in codec.encode(reads("single", sealed=False).value["odd"])


def test_publishing_is_by_content(parties: InProcessEngine) -> None:
    one, other = published(parties, None).value, published(parties, None).value
    assert one == other
    assert one.startswith("bafkrei")  # CIDv1, raw, sha2-256, base32


def test_publish_as_a_step_passes_on_what_came_before(parties: InProcessEngine) -> None:
    ask = Query("value", Kind.SCORES, lambda site, memory, _: (VALUE, memory)).then(PUBLISH)
    assert ask.replies is Kind.CONTROL
    cid = parties.run(ask, {"odd": None}, "1/value/1")["odd"].value
    assert at(parties, "large", lambda site, _: site.read({"odd": cid}, Any)).value == {"odd": VALUE}


def test_what_cannot_be_read_is_left_out_and_its_owner_named(parties: InProcessEngine) -> None:
    """Nothing, no content id, bytes that encode nothing or a tag of another type, another form: never an exception."""
    store = parties.sites.store
    made_up = {
        "nothing": codec.content_id(b"never put"),
        "no id": "bafynothing",
        "noise": store.put(b"\xff\x00\x9f"),
        "tag": store.put(bytes.fromhex("d828820a4101")),
        "deep": store.put(b"\x81" * 100_000),
        "empty": store.put(b""),
        "short": store.put(codec.encode(np.zeros(1, np.float32))),
    }
    sound = np.zeros(parties.sites.network.parameters, np.float32)
    contents = {**made_up, "sound": store.put(codec.encode(sound))}
    read = at(parties, "large", lambda site, cids: tuple(site.read(cids, Weights)), contents)
    assert (read.value, read.cost.unreadable, read.cost.trips) == (("sound",), tuple(made_up), 1)
    sent = {"sound": sound, "long": np.zeros(9_999, np.float32), "text": "?", "nan": sound + np.float32(np.nan)}
    checked = at(parties, "large", lambda site, sent: tuple(site.checked(sent, Weights)), sent)
    assert (checked.value, checked.cost.unreadable, checked.cost.trips) == (("sound",), ("long", "text", "nan"), 0)


def test_a_party_sees_its_own_records_and_the_names_of_all(parties: InProcessEngine) -> None:
    seen = at(parties, "small", lambda site, _: (site.name, site.hospitals, len(site.train))).value
    assert seen == ("small", tuple(SIZES), 5)


def test_memory_is_what_the_last_step_returned(parties: InProcessEngine) -> None:
    def count(_: Any, memory: Any, __: Any) -> tuple[int, Any]:
        return memory.get("times", 0), {"times": memory.get("times", 0) + 1}

    query = Query("count", Kind.STATISTICS, count)
    answers = [parties.run(query, {"odd": None}, f"{number}/count/1")["odd"].value for number in range(3)]
    assert answers == [0, 1, 2]
    assert parties.run(query, {"large": None}, "4/count/1")["large"].value == 0
    assert parties.run(query.then(query), {"large": None}, "5/count/1")["large"].value == 2


def test_keys_are_the_parties_own(parties: InProcessEngine) -> None:
    keys = {name: at(parties, name, lambda site, _: site.key.public).value for name in SIZES}
    assert len(set(keys.values())) == len(SIZES)
    assert at(parties, "odd", lambda site, _: dict(site.keys)).value == keys
    assert all(np.frombuffer(key, dtype=np.uint8)[0] == 4 for key in keys.values())


def test_a_hospital_scores_on_patients_that_it_never_trains_on() -> None:
    patients = dataset()
    parties = engine(training(), patients)
    weights = parties.sites.network.initial(3)
    for hospital in patients.hospitals:
        right = (parties.sites.network.predict(weights, hospital.validation.features) >= 0.5) == (
            hospital.validation.labels > 0.5
        )
        answer = parties.run(HELD_OUT_ACCURACY, {hospital.name: weights}, "1/held_out/1")[hospital.name]
        assert answer.value == right.mean()
        assert answer.cost.flops == 3 * parties.sites.network.flops_per_row
        seen = at(parties, hospital.name, lambda site, _: (site.train.patients, site.held_out.features)).value
        assert np.array_equal(seen[0], hospital.train.patients)
        assert np.array_equal(seen[1], hospital.validation.features)


def test_who_is_no_hospital_or_has_too_few_holds_out_nobody() -> None:
    patients = dataset()
    small = replace(patients.hospitals[1], validation=nobody_of(patients.hospitals[1].validation))
    parties = engine(training(), replace(patients, hospitals=(patients.hospitals[0], small)))
    parties.enrol("evaluator 1", ["large"])
    weights = parties.sites.network.initial(3)
    for name in ("small", "evaluator 1"):
        assert parties.run(HELD_OUT_ACCURACY, {name: weights}, "1/held_out/1")[name].value is None
    assert parties.run(ACCURACY, {"evaluator 1": weights}, "1/accuracy/1")["evaluator 1"].value is not None
    assert read(None, HELD_OUT_ACCURACY.form) is None
    with pytest.raises(Unreadable):
        read(1.5, HELD_OUT_ACCURACY.form)
