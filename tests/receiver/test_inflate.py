"""Gzip is inflated within a bound, whatever is sent."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.errors import Malformed, Overloaded, TooLarge
from receiver.inflate import BodyBuffer, GzipBuffer, inflate_gzip, wire_limit
from tests.receiver.receiving import gzip_bomb

KIB = 1024
MIB = 1024 * KIB


def test_a_plain_body_is_collected_piece_by_piece():
    buffer = BodyBuffer(10)
    buffer.write(b"hello")
    buffer.write(b"world")
    assert buffer.finish() == b"helloworld"
    assert buffer.room_left == 0


def test_a_plain_body_past_the_limit_is_too_large():
    buffer = BodyBuffer(10)
    buffer.write(b"0123456789")
    with pytest.raises(TooLarge):
        buffer.write(b"x")


@settings(deadline=None, max_examples=60)
@given(
    members=st.lists(st.binary(max_size=5000), min_size=1, max_size=4),
    repeat=st.sampled_from([1, 7, 300]),
    cut=st.integers(1, 4000),
)
def test_any_gzip_comes_out_as_it_went_in_however_it_is_cut(members: list[bytes], repeat: int, cut: int):
    plain = b"".join(member * repeat for member in members)
    packed = b"".join(gzip.compress(member * repeat) for member in members)
    buffer = GzipBuffer(len(plain))
    for start in range(0, len(packed), cut):
        buffer.write(packed[start : start + cut])
    assert buffer.finish() == plain


def test_a_body_of_exactly_the_limit_passes_and_one_byte_more_does_not():
    packed = gzip.compress(b"x" * MIB)
    assert len(inflate_gzip(packed, MIB)) == MIB
    with pytest.raises(TooLarge):
        inflate_gzip(packed, MIB - 1)


def test_a_bomb_is_refused_while_it_is_small():
    bomb = gzip_bomb(plain_mib=256)
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            inflate_gzip(bomb, 4 * MIB)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 * MIB


def test_a_bomb_inside_a_bomb_is_only_a_body_that_is_not_otlp():
    inner = gzip_bomb(plain_mib=64)
    assert inflate_gzip(gzip.compress(inner), MIB) == inner


def test_a_body_that_ends_early_is_malformed():
    packed = gzip.compress(b"some body")
    for cut in (1, 5, len(packed) // 2, len(packed) - 1):
        with pytest.raises(Malformed):
            inflate_gzip(packed[:cut], MIB)


def test_an_empty_body_is_no_gzip():
    with pytest.raises(Malformed):
        inflate_gzip(b"", MIB)


@pytest.mark.parametrize(
    "body",
    [
        b"not gzip at all",
        b"\x1f\x8b\x08garbage follows",
        zlib.compress(b"zlib is not gzip"),
        gzip.compress(b"a body") + b"trailing",
        gzip.compress(b"a body")[:-8] + b"\0\0\0\0\0\0\0\0",
    ],
    ids=["text", "broken", "zlib", "trailing bytes", "wrong checksum"],
)
def test_bytes_that_are_no_gzip_are_malformed(body: bytes):
    with pytest.raises(Malformed):
        inflate_gzip(body, MIB)


def test_a_flood_of_empty_members_is_malformed():
    with pytest.raises(Malformed, match="members"):
        inflate_gzip(gzip.compress(b"") * 1001, MIB)


def test_memory_is_asked_for_before_it_is_used():
    asked: list[int] = []

    def refuse_the_second_mib(size: int) -> None:
        asked.append(size)
        if sum(asked) > MIB:
            raise Overloaded("full", 1)

    with pytest.raises(Overloaded):
        inflate_gzip(gzip_bomb(plain_mib=8), 64 * MIB, refuse_the_second_mib)
    assert sum(asked) < 2 * MIB


def test_what_gzip_cannot_pack_still_fits_on_the_wire():
    incompressible = bytes(byte for seed in range(1000) for byte in zlib.crc32(seed.to_bytes(4)).to_bytes(4))
    assert len(gzip.compress(incompressible)) <= wire_limit(len(incompressible))
