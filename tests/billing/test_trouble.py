"""What a step in the background that failed says: one line for the database's troubles, all of it for ours."""

import sqlite3

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError
from structlog.testing import capture_logs

from billing.database import BillingError
from billing.trouble import attempt

FULL = OperationalError("COMMIT", None, sqlite3.OperationalError("database or disk is full"))
TWICE = IntegrityError("INSERT", None, sqlite3.IntegrityError("UNIQUE constraint failed"))


def failing(error: Exception) -> None:
    raise error


def test_a_step_that_succeeds_says_nothing() -> None:
    with capture_logs() as lines:
        assert attempt(list, "not debited, will try again")
    assert lines == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FULL, "database or disk is full"),
        (BillingError("the billing database stayed busy: locked"), "the billing database stayed busy: locked"),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
    ],
)
def test_a_database_that_cannot_be_written_is_one_line(error: Exception, said: str) -> None:
    with capture_logs() as lines:
        assert not attempt(lambda: failing(error), "not debited, will try again", message="msg_1")
    assert lines == [{"event": "not debited, will try again", "error": said, "message": "msg_1", "log_level": "error"}]


@pytest.mark.parametrize("fault", [KeyError("customer"), TWICE])
def test_a_fault_of_ours_comes_with_its_traceback(fault: Exception) -> None:
    with capture_logs() as lines:
        assert not attempt(lambda: failing(fault), "not debited, will try again")
    assert lines == [{"event": "not debited, will try again", "exc_info": True, "log_level": "error"}]
