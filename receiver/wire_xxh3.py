"""XXH3 (64 bits, no seed) of bytes at an address, as ``xxhash.xxh3_64_intdigest`` computes it.

Follows the specification: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
"""

import struct
from typing import Any, Final

import numpy as np

from receiver.wire_memory import (
    add_stripe,
    bits_at,
    byte_at,
    called,
    folded_product,
    half_at,
    inlined,
    put_word,
    word_at,
)

_FIRST_TOTALS: Final = (
    0xC2B2AE3D, 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9,
    0x85EBCA77C2B2AE63, 0x85EBCA77, 0x27D4EB2F165667C5, 0x9E3779B1,
)  # fmt: skip

SECRET_SIZE: Final = 192
SECRET: Final = np.frombuffer(
    bytes.fromhex(
        "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221"
        "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
        "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb"
        "170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
    )
    + struct.pack("<8Q", *_FIRST_TOTALS),
    dtype=np.uint8,
)
"""The secret of the specification and the first totals of long hashes; the functions take its address."""

_P32_1: Final = np.uint64(0x9E3779B1)
_P64_1: Final = np.uint64(0x9E3779B185EBCA87)
_P64_2: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_P64_3: Final = np.uint64(0x165667B19E3779F9)
_MX1: Final = np.uint64(0x165667919E3779F9)
_MX2: Final = np.uint64(0x9FB21C651E98DF25)


@inlined
def _xx64(number: np.uint64) -> Any:
    number ^= number >> np.uint64(33)
    number *= _P64_2
    number ^= number >> np.uint64(29)
    number *= _P64_3
    return number ^ (number >> np.uint64(32))


@inlined
def _last(number: np.uint64) -> Any:
    number ^= number >> np.uint64(37)
    number *= _MX1
    return number ^ (number >> np.uint64(32))


@inlined
def _swapped(number: np.uint64) -> Any:
    turned = np.uint64(0)
    for _ in range(8):
        turned = (turned << np.uint64(8)) | (number & np.uint64(0xFF))
        number >>= np.uint64(8)
    return turned


@inlined
def _rotated(number: np.uint64, by: int) -> Any:
    return (number << np.uint64(by)) | (number >> np.uint64(64 - by))


@called
def _of_16(at: int, size: int, secret: int) -> Any:
    """Up to 16 bytes."""
    length = np.uint64(size)
    if size > 8:
        low = bits_at(at) ^ (bits_at(secret + 24) ^ bits_at(secret + 32))
        high = bits_at(at + size - 8) ^ (bits_at(secret + 40) ^ bits_at(secret + 48))
        return _last(length + _swapped(low) + high + folded_product(low, high))
    if size >= 4:
        first, last = np.uint64(half_at(at)), np.uint64(half_at(at + size - 4))
        value = (last + (first << np.uint64(32))) ^ (bits_at(secret + 8) ^ bits_at(secret + 16))
        value ^= _rotated(value, 49) ^ _rotated(value, 24)
        value *= _MX2
        value ^= (value >> np.uint64(35)) + length
        value *= _MX2
        return value ^ (value >> np.uint64(28))
    if size > 0:
        packed = byte_at(at + size - 1) | size << 8 | byte_at(at) << 16 | byte_at(at + (size >> 1)) << 24
        return _xx64(np.uint64(packed) ^ np.uint64(half_at(secret) ^ half_at(secret + 4)))
    return _xx64(bits_at(secret + 56) ^ bits_at(secret + 64))


@inlined
def _mixed(at: int, secret: int) -> Any:
    return folded_product(bits_at(at) ^ bits_at(secret), bits_at(at + 8) ^ bits_at(secret + 8))


@called
def _of_240(at: int, size: int, secret: int) -> Any:
    """17 to 240 bytes."""
    total = np.uint64(size) * _P64_1
    if size <= 128:
        for pair in range((size - 1) // 32, -1, -1):
            total += _mixed(at + 16 * pair, secret + 32 * pair)
            total += _mixed(at + size - 16 * (pair + 1), secret + 32 * pair + 16)
        return _last(total)
    for block in range(8):
        total += _mixed(at + 16 * block, secret + 16 * block)
    total = _last(total)
    for block in range(8, size // 16):
        total += _mixed(at + 16 * block, secret + 16 * (block - 8) + 3)
    total += _mixed(at + size - 16, secret + 136 - 17)
    return _last(total)


@inlined
def _scramble(totals: int, secret: int) -> None:
    for lane in range(0, 64, 8):
        total = bits_at(totals + lane)
        put_word(totals + lane, (total ^ (total >> np.uint64(47)) ^ bits_at(secret + 128 + lane)) * _P32_1)


@called
def _of_many(at: int, size: int, secret: int, totals: int) -> Any:
    """More than 240 bytes, in stripes of 64 and blocks of 16 stripes."""
    for lane in range(0, 64, 8):
        put_word(totals + lane, word_at(secret + SECRET_SIZE + lane))
    stripes = (size - 1) // 64
    for stripe in range(stripes):
        add_stripe(totals, at + 64 * stripe, secret + 8 * (stripe & 15))
        if stripe & 15 == 15:
            _scramble(totals, secret)
    add_stripe(totals, at + size - 64, secret + 121)  # the last one ends with the bytes
    total = np.uint64(size) * _P64_1
    for lane in range(0, 64, 16):
        first, second = bits_at(totals + lane), bits_at(totals + lane + 8)
        total += folded_product(first ^ bits_at(secret + 11 + lane), second ^ bits_at(secret + 19 + lane))
    return _last(total)


@inlined
def xxh3(at: int, size: int, secret: int, totals: int) -> Any:
    """The hash of ``size`` bytes; ``secret`` is the address of ``SECRET``, ``totals`` that of room for 64 bytes."""
    if size <= 16:
        return _of_16(at, size, secret)
    if size <= 240:
        return _of_240(at, size, secret)
    return _of_many(at, size, secret, totals)
