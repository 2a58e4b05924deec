"""`marginlake serve`: the service, until Ctrl-C or SIGTERM."""

import signal
import sys
import threading
from typing import Annotated

from cyclopts import Parameter

from marginlake.commands.options import DEFAULT_DATA, ConfigFile, DataDir
from marginlake.config import load
from marginlake.logs import configure_logs

Address = Annotated[str | None, Parameter(help="HOST:PORT; port 0 takes a free one.")]


def serve(
    *, data: DataDir = DEFAULT_DATA, config: ConfigFile = None, grpc: Address = None, http: Address = None
) -> int:
    """Run the service: OTLP over gRPC and HTTP in, the lake out. Ctrl-C drains and stops."""
    from marginlake.service import Service  # the servers are loaded only when they are to run

    configure_logs()
    settings = load(config, data)
    changes = {name: value for name, value in (("grpc", grpc), ("http", http)) if value is not None}
    settings = settings.model_copy(update={"receiver": settings.receiver.model_copy(update=changes)})
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    service = Service(data, settings)
    try:
        grpc_address, http_address = service.start()
    except BaseException:
        service.close()
        raise
    sys.stdout.write(f"marginlake is ready: OTLP/gRPC {grpc_address}, OTLP/HTTP {http_address}\n")
    sys.stdout.flush()
    stopping.wait()
    drained = service.stop()
    left = "everything received is in the lake" if drained else "the rest is in the journal for the next start"
    sys.stdout.write(f"marginlake stopped: {left}\n")
    sys.stdout.flush()
    return 0
