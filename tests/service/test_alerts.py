"""Alerts of a running service: told to a webhook, over a `kill -9`, and without holding up what comes in."""

import time
from pathlib import Path

import httpx
import pytest

from tests.marginlake.receiving import SECRET, Receiver
from tests.receiver.otlp_payloads import payload, span
from tests.service.running import Service, marginlake, sql, wait_for
from tests.service.sending import Http

RULE = """
[commit]
interval_seconds = 0.1
[metrics]
interval_seconds = 600
[[alert]]
name = "any cost"
kind = "daily_cost_above"
above = 0
customer = "acme"
[alerts]
interval_minutes = 0.01
timeout_seconds = 0.5
"""


def settings(receiver: Receiver) -> str:
    return f'{RULE}webhook = "{receiver.url}"\nsecret = "{SECRET}"\n'


def call(number: int, customer: str) -> bytes:
    """A model call of this moment."""
    said: dict[str, object] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 10,
        "customer.id": customer,
    }
    now = time.time_ns()
    return payload(span(said, trace_id=bytes([number]) * 16, span_id=bytes([number]) * 8, start_ns=now, end_ns=now + 9))


@pytest.mark.timeout(180)  # on a machine that is busy with other things
def test_a_message_that_was_under_way_at_a_kill_comes_again_and_then_never(tmp_path: Path) -> None:
    with Receiver([0, 200], silence=30.0) as receiver, Service(tmp_path / "data", settings(receiver)) as service:
        with Http(service.http) as http:
            assert http.export(call(1, "acme")).ok
        receiver.wait(1, timeout=60)
        service.kill()
        assert [row["state"] for row in sql(service.data_dir, "SELECT state FROM alerts")] == ["firing"]
        service.start()
        receiver.wait(2, timeout=60)
        wait_for(service.data_dir, "SELECT count(delivered_at) FROM alerts", 1, timeout=60)
        # the same message twice: who gets it can tell
        assert len(set(receiver.ids)) == 1
        assert service.stop() == 0
        assert len(receiver.ids) == 2
        assert SECRET not in service.log
        assert SECRET not in "".join(service.printed)
    assert sql(service.data_dir, "SELECT count(*) AS n, max(attempts) AS tries FROM alerts") == [{"n": 1, "tries": 2}]


@pytest.mark.timeout(180)  # on a machine that is busy with other things
def test_a_webhook_that_does_not_answer_holds_up_nothing(tmp_path: Path) -> None:
    slow = settings(Receiver([0], silence=60.0)).replace("timeout_seconds = 0.5", "timeout_seconds = 20")
    with Service(tmp_path / "data", slow) as service, Http(service.http) as http:
        assert http.export(call(1, "acme")).ok
        wait_for(service.data_dir, "SELECT count(*) FROM alerts WHERE attempts = 1", 1, timeout=60)
        for number in range(2, 5):
            assert http.export(call(number, "globex")).ok
        wait_for(service.data_dir, "SELECT count(*) FROM costs", 4)
        assert sql(service.data_dir, "SELECT last_error FROM alerts") == [{"last_error": None}]
        assert httpx.get(f"http://{service.http}/readyz", trust_env=False).status_code == 200
        began = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - began < 14


def test_settings_that_are_wrong_stop_the_start_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "marginlake.toml").write_text('[alerts]\nwebhook = "https://example.com"\nsecret = "whsec_hush"\n')
    answer = marginlake("serve", "--data", str(tmp_path), "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0")
    told = "marginlake: alerts.secret: must be whsec_ and the base64 of 24 to 64 random bytes\n"
    assert (answer.returncode, answer.stderr) == (1, told)
