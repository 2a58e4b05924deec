"""docs/revenue.md shows what `revenue list` and `revenue check` print for the rules of its first example."""

import json
from pathlib import Path

import pytest

from marginlake.cli import run
from tests.docs.test_examples import ROOT, blocks
from tests.marginlake.lakes import fill, rest

PAGE = ROOT / "docs" / "revenue.md"
EVENTS = (*[("chat_message", "acme")] * 3, ("chat_message", "globex"), *[("refund", "acme")] * 2)


def test_the_page_shows_what_the_commands_print(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    config = tmp_path / "marginlake.toml"
    config.write_text(blocks(PAGE, "toml")[0])
    signals = [
        {
            "eventName": event,
            "customer": {"externalCustomerId": customer},
            "attribution": {"externalProductId": "support-bot"},
            "timestamp": "2026-11-01T12:00:00Z",
        }
        for event, customer in EVENTS
    ]
    fill(tmp_path / "data", [[rest(json.dumps({"signals": signals}).encode())]])
    commands = next(block for block in blocks(PAGE, "sh") if "revenue list" in block).splitlines()
    for command in commands:
        assert run([*command.split()[1:], "--config", str(config), "--data", str(tmp_path / "data")]) == 0
    assert capfdbinary.readouterr().out.decode() == next(text for text in blocks(PAGE, "text") if "starter" in text)
