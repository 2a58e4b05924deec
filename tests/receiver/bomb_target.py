"""Runs both servers in a process of its own, so that a test can see how much memory a bomb takes there.

Prints the two ports, then for every line on stdin the peak of its own memory so far, in KiB.
"""

import resource
import sys

from receiver.grpc_server import GrpcServer
from receiver.http_server import HttpServer, create_app
from receiver.intake import Intake
from receiver.limits import MIB, Limits
from tests.receiver.receiving import ScriptedJournal


def peak_kib() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


def main() -> None:
    intake = Intake(ScriptedJournal(), limits=Limits(max_request_bytes=8 * MIB))
    grpc_server = GrpcServer(intake, "127.0.0.1:0")
    http_server = HttpServer(create_app(intake), "127.0.0.1:0")
    print(grpc_server.start(), http_server.start(), flush=True)  # noqa: T201
    for _ in sys.stdin:
        print(peak_kib(), flush=True)  # noqa: T201
    http_server.stop()
    grpc_server.stop(0)


if __name__ == "__main__":
    main()
