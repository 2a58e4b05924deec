"""How signals of the first API get into the journal: as bodies of the second one, by the same door."""

from collections.abc import Callable, Mapping, Sequence

from billing.api.errors import INVALID, ApiError
from receiver.errors import Malformed, Overloaded, Refusal, TooLarge
from receiver.intake import Intake
from receiver.signals.rest import NormalSignal


def accepting(intake: Intake, settle: Callable[[Sequence[NormalSignal]], None]) -> Callable[[bytes], Mapping[str, int]]:
    """Takes bodies of signals in, and returns once they are durable and debited (`settle`). What it returns raises the
    API's errors.
    """

    def accept(body: bytes) -> Mapping[str, int]:
        try:
            outcome = intake.accept_signals(body)
        except Refusal as refusal:
            raise api_error(refusal) from None
        if outcome.fresh:
            settle(outcome.fresh)
        return {"ingested": outcome.ingested, "duplicates": outcome.duplicates, "failed": 0}

    return accept


def api_error(refusal: Refusal) -> ApiError:
    """What the API says where the intake refuses."""
    if isinstance(refusal, Malformed):
        return ApiError(400, INVALID, refusal.message)
    if isinstance(refusal, TooLarge):
        return ApiError(413, "Request too large", refusal.message)
    assert isinstance(refusal, Overloaded)
    return ApiError(503, "Service unavailable", refusal.message)
