"""A receiver that only acknowledges: what gRPC itself takes on this machine. `python -m benchmarks.ack_server`."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc

from benchmarks.loadgen import EXPORT


def main() -> None:
    """Serve on a free loopback port, print it, stop on SIGTERM."""
    server = grpc.server(ThreadPoolExecutor(16), options=(("grpc.max_receive_message_length", 64 << 20),))
    service, _, method = EXPORT[1:].rpartition("/")
    handler = grpc.unary_unary_rpc_method_handler(lambda payload, context: b"")
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"127.0.0.1:{port}", flush=True)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    stopped.wait()
    server.stop(1).wait(2)


if __name__ == "__main__":
    main()
