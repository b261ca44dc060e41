"""Who was named as a reader can read, nobody else can, and nobody can change a byte."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from chainward import codec
from chainward.methods.encryption import (
    KeyPair,
    key_pair,
    locked,
    locked_between,
    seal_for,
    unlocked,
    unlocked_between,
    unseal,
)
from chainward.methods.randomness import stream

KEYS = {name: key_pair(stream("test key", name).bytes(32)) for name in ("owner", "reader", "other", "stranger")}
READERS = {name: KEYS[name].public for name in ("reader", "other")}


def sealed(data: bytes = b"secret", occasion: int = 0) -> bytes:
    return seal_for(data, READERS, KEYS["owner"], stream("test", occasion))


@given(st.binary(max_size=200))
def test_every_reader_decrypts(data: bytes) -> None:
    for reader in READERS:
        assert unseal(sealed(data), reader, KEYS["owner"].public, KEYS[reader]) == data


@pytest.mark.parametrize("name", ["stranger", "owner", ""])
def test_who_is_no_reader_is_told_so(name: str) -> None:
    with pytest.raises(PermissionError, match=f"{name} is not among the readers"):
        unseal(sealed(), name, KEYS["owner"].public, KEYS.get(name, KEYS["stranger"]))


def test_a_readers_name_does_not_help_without_its_key() -> None:
    with pytest.raises(InvalidTag):
        unseal(sealed(), "reader", KEYS["owner"].public, KEYS["stranger"])


def test_a_public_key_is_no_use_without_its_secret() -> None:
    """Also where its owner has just read: nobody gets a key that was derived for somebody else."""
    item = sealed()
    assert unseal(item, "reader", KEYS["owner"].public, KEYS["reader"]) == b"secret"
    with pytest.raises(InvalidTag):
        unseal(item, "reader", KEYS["owner"].public, KeyPair(KEYS["stranger"].secret, KEYS["reader"].public))


def test_both_of_a_pair_have_one_key_and_each_pair_another() -> None:
    everybody = [key_pair(stream("pair", number).bytes(32)) for number in range(5)]

    def data_of(publisher: KeyPair, reader: KeyPair) -> bytes:
        item = seal_for(b"secret", {"reader": reader.public}, publisher, stream("test"))
        assert unseal(item, "reader", publisher.public, reader) == b"secret"
        return bytes(codec.decode(item)["keys"]["reader"])  # under equal keys and nonces it is equal

    wrapped = {(one, other): data_of(one, other) for one in everybody for other in everybody}
    assert all(wrapped[one, other] == wrapped[other, one] for one, other in wrapped)
    assert len(set(wrapped.values())) == 5 * 6 / 2


def test_a_forged_origin_is_noticed() -> None:
    with pytest.raises(InvalidTag):
        unseal(sealed(), "reader", KEYS["stranger"].public, KEYS["reader"])


@pytest.mark.parametrize("part", ["data", "nonce", "keys"])
def test_tampering_is_noticed(part: str) -> None:
    content = codec.decode(sealed())
    changed = content[part]["reader"] if part == "keys" else content[part]
    changed = changed[:-1] + bytes([changed[-1] ^ 1])
    content[part] = {**content["keys"], "reader": changed} if part == "keys" else changed
    with pytest.raises(InvalidTag):
        unseal(codec.encode(content), "reader", KEYS["owner"].public, KEYS["reader"])


def test_wrapped_keys_are_not_exchangeable() -> None:
    content = codec.decode(sealed())
    content["keys"]["reader"] = content["keys"]["other"]
    with pytest.raises(InvalidTag):
        unseal(codec.encode(content), "reader", KEYS["owner"].public, KEYS["reader"])


def test_neither_the_content_nor_a_pattern_shows() -> None:
    data = b"patient 17 " * 20
    assert b"patient" not in sealed(data)
    assert sealed(data, 0) == sealed(data, 0)  # equal on every engine
    first, second = codec.decode(sealed(data, 0)), codec.decode(sealed(data, 1))
    assert first["nonce"] != second["nonce"]
    assert first["data"] != second["data"]


def test_keys_belong_to_their_seed() -> None:
    one = key_pair(b"\1" * 32)
    assert one == key_pair(b"\1" * 32) != key_pair(b"\2" * 32)
    assert len(one.public) == 65
    assert one.public[0] == 4


def test_public_key_is_the_secrets_point() -> None:
    """secp256k1's generator is the public key of the secret 1 (SEC 2, section 2.4.1)."""
    generator = key_pair(bytes(32))
    assert generator.secret == 1
    assert generator.public.hex() == (
        "04"
        "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
        "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
    )


def test_secrets_are_not_zero() -> None:
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    for seed in (0, order - 2, order - 1, order, 2**256 - 1):
        pair: KeyPair = key_pair(seed.to_bytes(32, "big"))
        assert 1 <= pair.secret < order


@given(st.binary(max_size=99), st.binary(min_size=32, max_size=32))
def test_what_is_locked_is_opened_by_its_key_alone_and_not_once_it_was_changed(data: bytes, key: bytes) -> None:
    closed = locked(data, key, b"us", stream("nonce"))
    assert unlocked(closed, key, b"us") == data
    for wrong in (closed[:-1] + bytes([closed[-1] ^ 1]), closed[:5], b""):
        with pytest.raises(ValueError, match="does not open"):
            unlocked(wrong, key, b"us")
    with pytest.raises(ValueError, match="does not open"):
        unlocked(closed, bytes([key[0] ^ 1]) + key[1:], b"us")


def test_what_is_locked_opens_for_nobody_under_another_name() -> None:
    closed = locked(b"weights", bytes(32), b"us", stream("nonce"))
    for owner in (b"them", b""):
        with pytest.raises(ValueError, match="does not open"):
            unlocked(closed, bytes(32), owner)


def test_what_is_locked_between_two_is_opened_by_its_reader_as_its_senders() -> None:
    us, them, others = (key_pair(bytes([n]) * 32) for n in (1, 2, 3))
    closed = locked_between(b"key", us, them.public, stream("nonce"))
    assert unlocked_between(closed, them, us.public) == b"key"
    for reader, sender in ((others, us), (us, them)):  # sent back, it is not the other's
        with pytest.raises(ValueError, match="does not open"):
            unlocked_between(closed, reader, sender.public)
