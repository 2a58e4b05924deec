"""What compiled code needs to read and write plain memory, and the decorator that compiles it.

The scanner works on addresses and not on arrays: payloads lie where Python keeps them, and nothing is copied before it
is known what it is for. Nothing here checks a bound. Whoever reads has compared with the end, whoever writes has room.
"""

import warnings
from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar, cast

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from receiver.wire_cache import CACHE, LOCATOR

_P = ParamSpec("_P")
_R = TypeVar("_R")

_CONFIG: Final[Any] = numba.config
_cgutils: Final[Any] = cgutils


def compiled(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile at the first call; without the interpreter's lock while it runs. Kept on disk where that is possible."""
    before, _CONFIG.CACHE_LOCATOR_CLASSES = _CONFIG.CACHE_LOCATOR_CLASSES, LOCATOR
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = numba.njit(nogil=True, cache=CACHE is not None, error_model="numpy")(function)
    finally:
        _CONFIG.CACHE_LOCATOR_CLASSES = before
    return cast(Callable[_P, _R], made)


def called(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """A part of compiled functions that they call; nothing of it is kept on disk by itself."""
    return cast(Callable[_P, _R], numba.njit(nogil=True, error_model="numpy")(function))


def inlined(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """A part of compiled functions that becomes part of them wherever it is used."""
    return cast(Callable[_P, _R], numba.njit(nogil=True, error_model="numpy", forceinline=True)(function))


def _primitive(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose code is given as LLVM instructions: called without the first parameter."""
    return cast(Callable[..., Any], intrinsic(function))


def _pointer(builder: Any, address: Any, bits: int) -> Any:
    return builder.inttoptr(address, ir.IntType(bits).as_pointer())


def _loader(bits: int, result: Any) -> Any:
    def load(typingctx: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            value = builder.load(_pointer(builder, arguments[0], bits))
            value.align = 1
            return value if bits == 64 else builder.zext(value, ir.IntType(64))

        return result(types.int64), generate

    return intrinsic(load)


def _storer(bits: int) -> Any:
    def store(typingctx: Any, address: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            given = arguments[1] if bits == 64 else builder.trunc(arguments[1], ir.IntType(bits))
            builder.store(given, _pointer(builder, arguments[0], bits)).align = 1
            return context.get_dummy_value()

        return types.void(types.int64, types.int64), generate

    return intrinsic(store)


byte_at: Final[Callable[[int], int]] = _loader(8, types.int64)
"""The byte at an address."""

half_at: Final[Callable[[int], int]] = _loader(32, types.int64)
"""The four bytes at an address, little-endian, as a number without sign."""

word_at: Final[Callable[[int], int]] = _loader(64, types.int64)
"""The eight bytes at an address."""

bits_at: Final[Callable[[int], Any]] = _loader(64, types.uint64)
"""The eight bytes at an address, as a number without sign."""

put_byte: Final[Callable[[int, Any], None]] = _storer(8)
put_half: Final[Callable[[int, Any], None]] = _storer(32)
put_word: Final[Callable[[int, Any], None]] = _storer(64)


@_primitive
def marks_at(typingctx: Any, address: Any) -> Any:
    """Of the 32 bytes at an address: bits 0 to 31 for those JSON must escape, 32 to 63 for those beyond ASCII."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = ir.VectorType(ir.IntType(8), 32)

        def all_of(byte: int) -> Any:
            return ir.Constant(lanes, [byte] * 32)

        def bits(flags: Any) -> Any:
            return builder.zext(builder.bitcast(flags, ir.IntType(32)), ir.IntType(64))

        found = builder.load(builder.inttoptr(arguments[0], lanes.as_pointer()))
        found.align = 1
        low = builder.icmp_unsigned("<", found, all_of(0x20))
        quoting = builder.or_(
            builder.icmp_unsigned("==", found, all_of(0x22)), builder.icmp_unsigned("==", found, all_of(0x5C))
        )
        beyond = builder.icmp_signed("<", found, all_of(0))
        return builder.or_(bits(builder.or_(low, quoting)), builder.shl(bits(beyond), ir.Constant(ir.IntType(64), 32)))

    return types.int64(types.int64), generate


@_primitive
def trailing_zeros(typingctx: Any, number: Any) -> Any:
    """How many bits below the lowest one that is set; there must be one."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), generate


@_primitive
def add_stripe(typingctx: Any, totals: Any, data: Any, key: Any) -> Any:
    """XXH3's step on eight 64-bit words at ``totals``: mix in 64 bytes of data and of the secret."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = ir.VectorType(ir.IntType(64), 8)
        places = [builder.inttoptr(address, lanes.as_pointer()) for address in arguments]
        sums, words, keys = (builder.load(place) for place in places)
        for loaded in (sums, words, keys):
            loaded.align = 1
        mixed = builder.xor(words, keys)
        low = builder.and_(mixed, ir.Constant(lanes, [0xFFFFFFFF] * 8))
        product = builder.mul(low, builder.lshr(mixed, ir.Constant(lanes, [32] * 8)))
        order = ir.Constant(ir.VectorType(ir.IntType(32), 8), [1, 0, 3, 2, 5, 4, 7, 6])
        swapped = builder.shuffle_vector(words, words, order)
        builder.store(builder.add(sums, builder.add(product, swapped)), places[0]).align = 1
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@_primitive
def _copy(typingctx: Any, target: Any, source: Any, size: Any) -> Any:
    """Copy bytes by the library's means, which pay for many."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to, of = (_pointer(builder, address, 8) for address in arguments[:2])
        _cgutils.raw_memcpy(builder, to, of, arguments[2], 1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@_primitive
def folded_product(typingctx: Any, left: Any, right: Any) -> Any:
    """The 128-bit product of two 64-bit numbers, its halves combined by exclusive or."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = ir.IntType(128)
        product = builder.mul(*(builder.zext(each, wide) for each in arguments))
        low = builder.trunc(product, ir.IntType(64))
        high = builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))
        return builder.xor(low, high)

    return types.uint64(types.uint64, types.uint64), generate


@inlined
def move(target: int, source: int, size: int) -> None:
    """Copy ``size`` bytes; the places do not overlap."""
    if size > 32:
        _copy(target, source, size)
    elif size >= 16:  # the two halves may overlap
        put_word(target, word_at(source))
        put_word(target + 8, word_at(source + 8))
        put_word(target + size - 16, word_at(source + size - 16))
        put_word(target + size - 8, word_at(source + size - 8))
    elif size >= 8:
        put_word(target, word_at(source))
        put_word(target + size - 8, word_at(source + size - 8))
    elif size >= 4:
        put_half(target, half_at(source))
        put_half(target + size - 4, half_at(source + size - 4))
    else:
        for place in range(size):
            put_byte(target + place, byte_at(source + place))
