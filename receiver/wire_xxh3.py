"""XXH3 (64 bits, no seed) of bytes at an address, as ``xxhash.xxh3_64_intdigest`` computes it.

Follows the specification: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
"""

from typing import Final

import numpy as np

from receiver.wire_memory import bits_at, byte_at, folded_product, half_at, inlined

SECRET: Final = np.frombuffer(
    bytes.fromhex(
        "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221"
        "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
        "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb"
        "170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
    ),
    dtype=np.uint8,
)
"""The secret of the specification; the functions take its address."""

_P32_1: Final = np.uint64(0x9E3779B1)
_P32_2: Final = np.uint64(0x85EBCA77)
_P32_3: Final = np.uint64(0xC2B2AE3D)
_P64_1: Final = np.uint64(0x9E3779B185EBCA87)
_P64_2: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_P64_3: Final = np.uint64(0x165667B19E3779F9)
_P64_4: Final = np.uint64(0x85EBCA77C2B2AE63)
_P64_5: Final = np.uint64(0x27D4EB2F165667C5)
_MX1: Final = np.uint64(0x165667919E3779F9)
_MX2: Final = np.uint64(0x9FB21C651E98DF25)
_LOW: Final = np.uint64(0xFFFFFFFF)


@inlined
def _xx64(number: np.uint64) -> np.uint64:
    number ^= number >> np.uint64(33)
    number *= _P64_2
    number ^= number >> np.uint64(29)
    number *= _P64_3
    return number ^ (number >> np.uint64(32))


@inlined
def _last(number: np.uint64) -> np.uint64:
    number ^= number >> np.uint64(37)
    number *= _MX1
    return number ^ (number >> np.uint64(32))


@inlined
def _swapped(number: np.uint64) -> np.uint64:
    turned = np.uint64(0)
    for _ in range(8):
        turned = (turned << np.uint64(8)) | (number & np.uint64(0xFF))
        number >>= np.uint64(8)
    return turned


@inlined
def _rotated(number: np.uint64, by: int) -> np.uint64:
    return (number << np.uint64(by)) | (number >> np.uint64(64 - by))


@inlined
def _of_16(at: int, size: int, secret: int) -> np.uint64:
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
def _mixed(at: int, secret: int) -> np.uint64:
    return folded_product(bits_at(at) ^ bits_at(secret), bits_at(at + 8) ^ bits_at(secret + 8))


@inlined
def _of_240(at: int, size: int, secret: int) -> np.uint64:
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
def _term(word: np.uint64, key: np.uint64) -> np.uint64:
    mixed = word ^ key
    return (mixed & _LOW) * (mixed >> np.uint64(32))


@inlined
def _scrambled(total: np.uint64, key: np.uint64) -> np.uint64:
    return (total ^ (total >> np.uint64(47)) ^ key) * _P32_1


@inlined
def _of_many(at: int, size: int, secret: int) -> np.uint64:
    """More than 240 bytes, in stripes of 64 and blocks of 16 stripes."""
    a, b, c, d = _P32_3, _P64_1, _P64_2, _P64_3
    e, f, g, h = _P64_4, _P32_2, _P64_5, _P32_1
    stripes = (size - 1) // 64
    for stripe in range(stripes + 1):
        place, key = at + 64 * stripe, secret + 8 * (stripe & 15)
        if stripe == stripes:  # the last one ends with the bytes
            place, key = at + size - 64, secret + 121
        w0, w1, w2, w3 = bits_at(place), bits_at(place + 8), bits_at(place + 16), bits_at(place + 24)
        w4, w5, w6, w7 = bits_at(place + 32), bits_at(place + 40), bits_at(place + 48), bits_at(place + 56)
        a += w1 + _term(w0, bits_at(key))
        b += w0 + _term(w1, bits_at(key + 8))
        c += w3 + _term(w2, bits_at(key + 16))
        d += w2 + _term(w3, bits_at(key + 24))
        e += w5 + _term(w4, bits_at(key + 32))
        f += w4 + _term(w5, bits_at(key + 40))
        g += w7 + _term(w6, bits_at(key + 48))
        h += w6 + _term(w7, bits_at(key + 56))
        if stripe & 15 == 15 and stripe < stripes:
            a, b = _scrambled(a, bits_at(secret + 128)), _scrambled(b, bits_at(secret + 136))
            c, d = _scrambled(c, bits_at(secret + 144)), _scrambled(d, bits_at(secret + 152))
            e, f = _scrambled(e, bits_at(secret + 160)), _scrambled(f, bits_at(secret + 168))
            g, h = _scrambled(g, bits_at(secret + 176)), _scrambled(h, bits_at(secret + 184))
    total = np.uint64(size) * _P64_1
    total += folded_product(a ^ bits_at(secret + 11), b ^ bits_at(secret + 19))
    total += folded_product(c ^ bits_at(secret + 27), d ^ bits_at(secret + 35))
    total += folded_product(e ^ bits_at(secret + 43), f ^ bits_at(secret + 51))
    total += folded_product(g ^ bits_at(secret + 59), h ^ bits_at(secret + 67))
    return _last(total)


@inlined
def xxh3(at: int, size: int, secret: int) -> np.uint64:
    """The hash of ``size`` bytes; ``secret`` is the address of ``SECRET``."""
    if size <= 16:
        return _of_16(at, size, secret)
    if size <= 240:
        return _of_240(at, size, secret)
    return _of_many(at, size, secret)
