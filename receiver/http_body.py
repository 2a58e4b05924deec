"""Reading an HTTP request body: inflated on the fly, bounded in size and in time."""

import asyncio
from concurrent.futures import Executor

from starlette.requests import Request

from receiver.admission import Room
from receiver.errors import Overloaded, TooLarge, Unsupported
from receiver.inflate import BodyBuffer, GzipBuffer, wire_limit
from receiver.limits import Limits

_INLINE_PIECE = 4096
"""Compressed pieces up to this are inflated on the event loop; larger ones may take milliseconds, so a thread does."""


async def read_body(request: Request, limits: Limits, room: Room, pool: Executor) -> bytes:
    """The plain body. `room` grows with every piece that is kept; the caller releases it.

    Raises Unsupported for a content encoding other than gzip, TooLarge (before reading, where the length is declared),
    Malformed for bad gzip, and Overloaded when there is no room or the body takes too long to arrive.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    limit = limits.max_request_bytes
    buffer: BodyBuffer
    if encoding in ("identity", ""):
        buffer = BodyBuffer(limit, room.grow)
        most = limit
    elif encoding in ("gzip", "x-gzip"):
        buffer = GzipBuffer(limit, room.grow)
        most = wire_limit(limit)
    else:
        raise Unsupported(f"content encoding {encoding!r} is not supported; send gzip or none")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > most:
        raise TooLarge(limit)
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for piece in request.stream():
                if len(piece) <= _INLINE_PIECE or not isinstance(buffer, GzipBuffer):
                    buffer.write(piece)
                else:
                    await asyncio.get_running_loop().run_in_executor(pool, buffer.write, piece)
    except TimeoutError:
        message = f"the body did not arrive within {limits.body_seconds:g} seconds; send the same again"
        raise Overloaded(message, limits.retry_after_seconds) from None
    return buffer.finish()
