"""Logs under a flood: the first lines of an event, then how many more there were."""

import logging

from marginlake.logs import FLOOD_LINES, FLOOD_SECONDS, FloodFilter


def record(message: object, *arguments: object, level: int = logging.ERROR) -> logging.LogRecord:
    return logging.LogRecord("journal", level, __file__, 1, message, arguments, None)


def test_a_flood_of_one_event_is_a_few_lines_and_a_count() -> None:
    now = [100.0]
    flood = FloodFilter(lambda: now[0])
    passed = [flood.filter(record("%d records not written", number)) for number in range(500)]
    assert passed == [True] * FLOOD_LINES + [False] * (500 - FLOOD_LINES)

    now[0] += FLOOD_SECONDS
    after = record("%d records not written", 501)
    assert flood.filter(after)
    assert after.getMessage() == f"501 records not written ({500 - FLOOD_LINES} more like this in the last 10 s)"


def test_events_are_told_apart_by_their_text_and_their_level() -> None:
    flood = FloodFilter(lambda: 0.0)
    for _ in range(2 * FLOOD_LINES):
        flood.filter(record("disk full"))
    assert not flood.filter(record("disk full"))
    assert flood.filter(record("disk slow"))
    assert flood.filter(record("disk full", level=logging.WARNING))
    assert flood.filter(record({"event": "commit failed", "error": "disk full"}))


def test_a_structured_event_carries_the_count_too() -> None:
    now = [0.0]
    flood = FloodFilter(lambda: now[0])
    for number in range(FLOOD_LINES + 1):
        flood.filter(record({"event": "commit failed", "failures": number}))
    now[0] += FLOOD_SECONDS
    after = record({"event": "commit failed", "failures": 99})
    assert flood.filter(after)
    assert after.msg == {"event": "commit failed (1 more like this in the last 10 s)", "failures": 99}


def test_after_a_quiet_time_nothing_is_added() -> None:
    now = [0.0]
    flood = FloodFilter(lambda: now[0])
    flood.filter(record("started"))
    now[0] += FLOOD_SECONDS
    after = record("started")
    assert flood.filter(after)
    assert after.getMessage() == "started"
