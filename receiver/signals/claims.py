"""Which REST signals are on their way to the lake, so that the same signal sent twice, even at once, is kept once.

A signal is known from the moment a request claims its id until the lake can answer for it. Between the two, whoever
sends it again is told "duplicate", but only once the first request's bytes are durable: if those fail, both must retry.
"""

import threading
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """What one request may store.

    fresh: the ids nobody else has; they belong to this request. written: to be settled by this request with
    `Claims.stored` or `Claims.failed`. elsewhere: the requests in flight that own the other ids.
    """

    fresh: frozenset[str]
    written: "Future[None]"
    elsewhere: "tuple[Future[None], ...]"


class Claims:
    """The ids of signals accepted and not committed yet. All methods may be called from any thread."""

    def __init__(self, seen: Callable[[list[str]], set[str]]) -> None:
        """`seen` answers which of some ids the lake already holds; it may block and may be slow."""
        self._seen = seen
        self._lock = threading.Lock()
        self._owners: dict[str, Future[None]] = {}

    def __len__(self) -> int:
        return len(self._owners)

    def claim(self, ids: Iterable[str], made: Collection[str] = frozenset()) -> Claim:
        """Claim the ids (repeats allowed) for one request. Raises what `seen` raises, claiming nothing then.

        made: those that were made for this request, of which the lake need not be asked.
        """
        written: Future[None] = Future()
        written.set_running_or_notify_cancel()
        mine: list[str] = []
        elsewhere: dict[int, Future[None]] = {}
        with self._lock:
            for signal_id in ids:
                owner = self._owners.setdefault(signal_id, written)
                if owner is not written:
                    elsewhere[id(owner)] = owner
                else:
                    mine.append(signal_id)
        # The lake is asked after the claim: an id that had left `_owners` by then was committed before this question.
        try:
            asked = [signal_id for signal_id in dict.fromkeys(mine) if signal_id not in made]
            known = self._seen(asked) if asked else set()
        except BaseException as error:
            self._forget(mine, written)
            written.set_exception(error)
            raise
        self._forget(known, written)
        return Claim(frozenset(mine) - known, written, tuple(elsewhere.values()))

    def stored(self, claim: Claim) -> None:
        """The request's signals are durable; they stay known until `committed`."""
        claim.written.set_result(None)

    def failed(self, claim: Claim, error: BaseException) -> None:
        """The request's signals were not stored: they are free again, and those who waited for them fail as well."""
        self._forget(claim.fresh, claim.written)
        claim.written.set_exception(error)

    def remember(self, ids: Iterable[str]) -> None:
        """Signals found in the journal at start that the lake does not hold yet."""
        stored: Future[None] = Future()
        stored.set_result(None)
        with self._lock:
            for signal_id in ids:
                self._owners.setdefault(signal_id, stored)

    def committed(self, ids: Iterable[str]) -> None:
        """The lake holds these signals now, so `seen` answers for them from here on."""
        with self._lock:
            for signal_id in ids:
                self._owners.pop(signal_id, None)

    def _forget(self, ids: Iterable[str], owner: "Future[None]") -> None:
        with self._lock:
            for signal_id in ids:
                if self._owners.get(signal_id) is owner:
                    del self._owners[signal_id]
