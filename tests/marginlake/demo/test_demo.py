"""The whole loop: real service, real exporters, real lake, and a demo that checks itself."""

import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from rich.console import Console

from lake.read import query
from marginlake.demo import check, report, truth
from marginlake.demo.child import ServiceError, ServiceProcess
from marginlake.demo.directory import prepare
from marginlake.demo.plan import Plan
from marginlake.demo.run import run_demo


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """One run of the demo: its exit code, what it printed, and the lake it left."""
    data_dir = tmp_path_factory.mktemp("demo")
    out = io.StringIO()
    code = run_demo(data_dir, Console(file=out, width=200))
    return code, out.getvalue(), data_dir


def test_the_demo_succeeds_and_says_what_it_checked(demo):
    code, printed, _ = demo

    assert code == 0, printed
    for heading in ("Margin per customer", "Margin per event", "Cost by model", "Unpriced", "Every dollar once"):
        assert heading in printed
    assert "exactly" in printed
    assert "Checked" in printed


def test_the_report_shows_customers_products_models_and_what_is_unknown(demo):
    _, printed, _ = demo

    for shown in ("acme-retail", "contract_reviewed", "claude-opus-5-5", "juniper-tuned-8b", "unknown"):
        assert shown in printed


def test_every_question_the_demo_proposes_has_an_answer(demo):
    _, _, data_dir = demo

    for _, sql in report.QUESTIONS:
        assert query(data_dir, sql).height > 0, sql


def test_the_sql_command_answers_beside_it(demo):
    _, printed, data_dir = demo
    command = [sys.executable, "-m", "marginlake", "sql", report.QUESTIONS[0][1], "--data", str(data_dir)]

    answer = subprocess.run([*command, "--format", "json"], capture_output=True, text=True, check=True, timeout=60)

    assert "margin_usd" in answer.stdout
    assert report.QUESTIONS[0][1] in printed


def test_prompts_and_keys_that_were_sent_are_nowhere_in_the_lake(demo):
    _, _, data_dir = demo

    spans = query(data_dir, "SELECT count(*) FROM spans WHERE to_json(spans)::VARCHAR LIKE '%do-not-store%'")
    signals = query(data_dir, "SELECT count(*) FROM signals WHERE to_json(signals)::VARCHAR LIKE '%do-not-store%'")
    assert (spans.item(), signals.item()) == (0, 0)


def test_a_lake_that_says_something_else_is_found_out(demo):
    _, _, data_dir = demo
    nothing = truth.of(Plan((), ()), [])

    wrong = check.differences(nothing, data_dir)

    assert any(line.startswith("spans: sent 0, the lake says ") for line in wrong)
    assert any(line.startswith("calls of acme-retail") for line in wrong)


def test_nothing_of_the_service_is_left_running(demo):
    _, _, data_dir = demo

    assert not (data_dir / "service.json").exists()


def test_a_service_that_cannot_start_is_one_clear_error(tmp_path):
    config = prepare(tmp_path)
    config.write_text("no_such_setting = 1\n")

    with (
        ServiceProcess(tmp_path, config, tmp_path / "service.log") as service,
        pytest.raises(ServiceError, match=r"exit code 1 before it was ready(.|\n)*no_such_setting"),
    ):
        service.wait_ready()


def test_interrupting_the_demo_stops_the_service_and_exits_130_without_a_traceback(tmp_path):
    data_dir = tmp_path / "demo"
    code = f"import sys; from marginlake.cli import run; sys.exit(run(['demo', '--data', {str(data_dir)!r}]))"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        state = data_dir / "service.json"
        until = time.monotonic() + 90
        while not state.exists() and time.monotonic() < until:
            time.sleep(0.02)
        pid = json.loads(state.read_text())["pid"]
        process.send_signal(signal.SIGINT)
    finally:
        if process.poll() is None and not state.exists():
            process.kill()
        printed, _ = process.communicate(timeout=60)

    assert process.returncode == 130, printed
    assert "Traceback" not in printed
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
