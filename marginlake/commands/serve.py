"""`marginlake serve`: the service, until Ctrl-C or SIGTERM; a second Ctrl-C does not wait for the lake."""

import gc
import os
import signal
import sys
from queue import SimpleQueue
from types import FrameType
from typing import Annotated

from cyclopts import Parameter

from marginlake.commands.options import DEFAULT_DATA, ConfigFile, DataDir
from marginlake.config import load
from marginlake.logs import configure_logs

Address = Annotated[str | None, Parameter(help="HOST:PORT; port 0 takes a free one.")]


Anonymous = Annotated[
    bool, Parameter(negative="", help="Let callers from this machine in without an API key (loopback addresses only).")
]


def serve(
    *,
    data: DataDir = DEFAULT_DATA,
    config: ConfigFile = None,
    grpc: Address = None,
    http: Address = None,
    anonymous: Anonymous = False,
) -> int:
    """Run the service: OTLP over gRPC and HTTP in, the lake out. Ctrl-C drains and stops, twice stops at once."""
    # What gRPC's own log has to say is told by the answers and by our log; it is read when gRPC is loaded.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    gc.disable()  # what is loaded stays: looking for garbage in it takes a seventh of the time
    from marginlake.service import Service  # the servers are loaded only when they are to run

    gc.freeze()
    gc.enable()
    configure_logs()
    settings = load(config, data)
    changes = {name: value for name, value in (("grpc", grpc), ("http", http)) if value is not None}
    settings = settings.model_copy(update={"receiver": settings.receiver.model_copy(update=changes)})
    if anonymous:
        auth = settings.auth.model_copy(update={"anonymous": "loopback"})
        settings = settings.model_copy(update={"auth": auth})
    stop = _Stop()
    service = Service(data, settings)
    try:
        grpc_address, http_address = service.start()
    except BaseException:
        service.close()
        raise
    sys.stdout.write(f"marginlake is ready: OTLP/gRPC {grpc_address}, OTLP/HTTP {http_address}\n")
    if service.is_locked():
        sys.stdout.write("nobody can send anything yet: run `marginlake keys create NAME`, or serve with --anonymous\n")
    sys.stdout.flush()
    stop.wait()
    drained = service.stop()
    left = "everything received is in the lake" if drained else "the rest is in the journal for the next start"
    sys.stdout.write(f"marginlake stopped: {left}\n")
    sys.stdout.flush()
    return 0


class _Stop:
    """The wish to stop: a Ctrl-C or SIGTERM; a Ctrl-C after that ends the process there and then.

    That is as safe as a power cut is: what was acknowledged is in the journal. A repeated SIGTERM changes nothing,
    because supervisors send several.
    """

    def __init__(self) -> None:
        self._asked = False
        # Its `put` may interrupt its `get`, which a handler could deadlock with on a `threading.Event`.
        self._signals: SimpleQueue[int] = SimpleQueue()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def wait(self) -> None:
        """Return once somebody wants the service to stop."""
        self._signals.get()

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._asked and number == signal.SIGINT:
            os.write(2, b"marginlake: stopped at once: what is not in the lake is in the journal for the next start\n")
            os._exit(130)
        self._asked = True
        self._signals.put(number)
