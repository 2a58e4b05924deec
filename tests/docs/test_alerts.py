"""The page on alerts: its rules are read, its command prints what the page shows, its message is one of ours."""

import json
import logging
import re
import shlex
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import structlog

from analytics.alert_parse import KEYS, parse_alerts
from lake.schema import TABLES
from marginlake.alert_delivery import RETRIES
from marginlake.alert_settings import alert_settings
from marginlake.cli import run
from marginlake.config import Config
from marginlake.rules import rules_from
from receiver.journal.record import Record
from tests.docs.test_examples import ROOT, blocks
from tests.docs.test_repricing import call
from tests.marginlake.lakes import fill, traces
from tests.receiver.otlp_payloads import START_NS, payload, span

PAGE = ROOT / "docs" / "alerts.md"
REVENUE = ({"name": "message", "event": "chat_message", "unit_price_usd": "0.025"},)
CALLS = (
    ("acme", "openai", "gpt-4o-mini", 120_000, 2_000),
    ("acme", "anthropic", "claude-sonnet-4-5", 8_000, 500),
    ("globex", "openai", "gpt-4o", 10_000, 400),
    ("initech", "openai", "house-model-9", 10_000, 400),
    ("initech", "openai", "gpt-4o-mini", 1_000, 10),
)


def nobodys(number: int) -> Record:
    """A call of a customer that no event bears."""
    said: dict[str, object] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 200_000,
        "gen_ai.usage.output_tokens": 0,
        "customer.id": "acme-eu",
    }
    start = START_NS + number * 10**9
    sent = span(said, trace_id=bytes([number] * 16), span_id=bytes([number] * 8), start_ns=start, end_ns=start + 10)
    return traces(payload(sent), seq=number)


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    """The command sends logs to the standard error of this test, which is about to be closed."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.usefixtures("logs_as_before")
def test_the_page_shows_what_the_command_prints(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    rules = rules_from(Config(revenue=REVENUE), None)
    records = [call(number, *said) for number, said in enumerate(CALLS, 1)]
    fill(tmp_path, [[*records, nobodys(9)]], rules)
    (tmp_path / "marginlake.toml").write_text(blocks(PAGE, "toml")[0])
    (shown,) = blocks(PAGE, "console")
    (command,) = re.findall(r"^\$ marginlake (.+)$", shown, re.MULTILINE)
    assert run([*shlex.split(command), "--data", str(tmp_path)]) == 0
    printed = capfdbinary.readouterr()
    assert f"$ marginlake {command}\n{printed.out.decode()}" == shown
    assert printed.err.decode() == "dry run: nothing was recorded\n"


def test_every_key_is_shown_and_every_rule_read() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rules, webhook = blocks(PAGE, "toml")
    entries = tomllib.loads(rules, parse_float=Decimal)["alert"]
    assert len(parse_alerts(entries)) == 5
    assert [
        key for key in KEYS if key not in {*entries[0], *entries[1], *entries[3], *entries[4]} | {"product", "event"}
    ] == []
    assert "`product`" in page
    settings = alert_settings(Config(**tomllib.loads(webhook)))
    assert settings.target is not None
    assert settings.target.host == "ops.example.com"


def test_the_message_has_the_columns_of_the_table() -> None:
    (body,) = blocks(PAGE, "json")
    columns = set(TABLES["alerts"].column_names)
    said = set(json.loads(body)["data"])
    assert columns - said == {"delivered_at", "attempts", "next_attempt_at", "last_error"}
    assert said < columns


def test_the_page_has_the_waits() -> None:
    spelled = []
    for wait in RETRIES:
        seconds = int(wait.total_seconds())
        spelled.append(
            f"{seconds} s" if seconds < 60 else f"{seconds // 60} min" if seconds < 3600 else f"{seconds // 3600} h"
        )
    assert f"{', '.join(spelled[:-1])} and {spelled[-1]}" in PAGE.read_text(encoding="utf-8").replace("\n  ", " ")
