"""Starting: one service on one directory and one port, after any end, with whatever the journal holds."""

import time
from pathlib import Path
from signal import SIGINT, SIGTERM

import pytest

from lake.connect import Lake
from lake.read import query
from receiver.journal import Journal, Kind
from tests.receiver.otlp_payloads import payload, span
from tests.service.load import wait_stored
from tests.service.running import Service, healthy, marginlake, wait_for
from tests.service.sending import Grpc, Http, signal, trace_body

BACKLOG_SPANS = 100_000
SPANS_A_REQUEST = 500


def test_it_says_nothing_but_that_it_is_ready_and_that_it_stopped(tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service, Grpc(service.grpc) as sender:
        assert sender.export(trace_body()[0]).ok
        assert service.stop(SIGINT) == 0
        assert service.printed == [
            f"marginlake is ready: OTLP/gRPC {service.grpc}, OTLP/HTTP {service.http}",
            "marginlake stopped: everything received is in the lake",
        ]
        assert service.log == ""


def test_a_second_service_on_the_same_directory_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service:
        second = marginlake("serve", "--data", str(service.data_dir), "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0")
        assert (second.returncode, second.stdout) == (1, "")
        assert second.stderr == f"marginlake: another marginlake serve is using {service.data_dir / 'journal'}\n"
        assert (service.data_dir / "service.json").exists()
        body, spans = trace_body()
        with Grpc(service.grpc) as sender:
            assert sender.export(body).ok
        wait_stored(service.data_dir, set(spans))


@pytest.mark.parametrize("taken", ["grpc", "http"])
def test_a_port_in_use_is_one_line(tmp_path: Path, taken: str) -> None:
    with Service(tmp_path / "first") as first:
        addresses = {"grpc": "127.0.0.1:0", "http": "127.0.0.1:0", taken: getattr(first, taken)}
        options = [part for name, address in addresses.items() for part in (f"--{name}", address)]
        second = marginlake("serve", "--data", str(tmp_path / "second"), *options)
    name = {"grpc": "OTLP/gRPC", "http": "OTLP/HTTP"}[taken]
    why = f"marginlake: cannot listen on {addresses[taken]} for {name}: Address already in use\n"
    assert (second.returncode, second.stdout, second.stderr) == (1, "", why)
    assert not (tmp_path / "second" / "service.json").exists()


def test_after_a_kill_it_starts_again_on_the_same_ports(tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service:
        with Grpc(service.grpc) as by_grpc, Http(service.http) as by_http:
            assert by_grpc.export(trace_body()[0]).ok
            assert by_http.signals([signal("key")]).ok
            service.kill()
        assert (service.data_dir / "service.json").exists(), "what a dead service leaves"
        again = Service(service.data_dir, grpc=service.grpc, http=service.http)
        with again, Http(again.http) as sender:
            answer = sender.client.post("/api/v2/signals/bulk", json={"signals": [signal("key")]})
            assert answer.json() == {"ingested": 0, "duplicates": 1, "failed": 0}
            wait_for(again.data_dir, "SELECT count(*) FROM signals WHERE source = 'api'", 1)
        healthy(again.data_dir)


def test_a_signal_that_is_in_the_journal_only_is_known_to_the_next_start(tmp_path: Path) -> None:
    slow = "[commit]\ninterval_seconds = 60\n"
    with Service(tmp_path / "data", slow) as service:
        with Http(service.http) as sender:
            assert sender.signals([signal("first")]).ok
            wait_for(service.data_dir, "SELECT count(*) FROM signals", 1)
            assert sender.signals([signal("second")]).ok  # within the minute: in the journal only
        service.kill()
        assert query(service.data_dir, "SELECT count(*) FROM signals").item() == 1
        service.start()
        with Http(service.http) as sender:
            answer = sender.client.post("/api/v2/signals/bulk", json={"signals": [signal("first"), signal("second")]})
            assert answer.json() == {"ingested": 0, "duplicates": 2, "failed": 0}
        assert service.stop() == 0
        assert query(service.data_dir, "SELECT count(*) FROM signals").item() == 2


def test_it_takes_requests_while_it_takes_up_a_large_journal(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    Lake.open(data_dir).close()
    call = {"gen_ai.request.model": "gpt-4o-mini", "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 1}
    with Journal(data_dir / "journal", fsync=False) as journal:
        for request in range(BACKLOG_SPANS // SPANS_A_REQUEST):
            trace_id = (request + 1).to_bytes(16, "big")
            span_ids = (number.to_bytes(8, "big") for number in range(1, SPANS_A_REQUEST + 1))
            spans = (span(call, trace_id=trace_id, span_id=span_id) for span_id in span_ids)
            last = journal.append(Kind.TRACES, payload(*spans))
        last.result(30)
    began = time.monotonic()
    with Service(data_dir) as service:
        assert time.monotonic() - began < 10, "it is ready before it has caught up"
        body, spans_sent = trace_body()
        with Grpc(service.grpc) as sender:
            assert sender.export(body).ok
        wait_stored(data_dir, set(spans_sent), timeout=60)
        assert query(data_dir, "SELECT count(*) FROM spans").item() == BACKLOG_SPANS + len(spans_sent)
        assert service.stop() == 0
        healthy(data_dir)


def test_a_stop_while_it_starts_is_a_clean_stop(tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service:
        assert service.stop() == 0
        service.launch()
        until = time.monotonic() + 20
        while not _handles_sigterm(service.process.pid):
            assert time.monotonic() < until
            time.sleep(0.002)
        assert service.stop() == 0
        assert service.log == ""


def _handles_sigterm(pid: int) -> bool:
    """Whether a process has a handler of its own for SIGTERM: the kernel tells which signals it catches."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    caught = next(int(line.split()[1], 16) for line in lines if line.startswith("SigCgt"))
    return bool(caught >> (SIGTERM - 1) & 1)
