"""The page on re-pricing shows what its commands print, one after another on one lake."""

import re
import shlex
from pathlib import Path

import pytest

from marginlake.cli import run
from marginlake.config import Config
from marginlake.new_prices import under
from marginlake.rules import rules_from
from receiver.journal.record import Record
from tests.docs.test_examples import ROOT, blocks
from tests.marginlake.books import earlier, folder, put_books
from tests.marginlake.lakes import as_toml, fill, traces
from tests.receiver.otlp_payloads import START_NS, payload, span

PAGE = ROOT / "docs" / "repricing.md"
REVENUE = ({"name": "message", "event": "chat_message", "unit_price_usd": "0.08"},)
CALLS = (
    ("acme", "openai", "gpt-4o-mini", 120_000, 2_000),
    ("acme", "anthropic", "claude-sonnet-4-5", 8_000, 500),
    ("globex", "openai", "gpt-4o", 10_000, 400),
)


def call(number: int, customer: str, provider: str, model: str, tokens_in: int, tokens_out: int) -> Record:
    """A call in a trace of its own, in which its customer is sent a message that bears the cost."""
    said: dict[str, object] = {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": provider, "gen_ai.request.model": model,
        "gen_ai.response.model": model, "gen_ai.usage.input_tokens": tokens_in,
        "gen_ai.usage.output_tokens": tokens_out, "customer.id": customer, "product.id": "bot",
    }  # fmt: skip
    trace_id, start = bytes([number] * 16), START_NS + number * 10**9
    done: dict[str, object] = {"marginlake.signal.event_name": "chat_message", "customer.id": customer}
    spans = [
        span(said, trace_id=trace_id, span_id=bytes([number] * 8), start_ns=start, end_ns=start + 10**9),
        span(done | {"marginlake.signal.cost_traced": True}, trace_id=trace_id, span_id=bytes([number + 100] * 8),
             start_ns=start + 10**9, end_ns=start + 10**9),
    ]  # fmt: skip
    return traces(payload(*spans), seq=number)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    put_books(tmp_path)
    (tmp_path / "marginlake.toml").write_text(as_toml(REVENUE, ()))
    rules = rules_from(under(Config(revenue=REVENUE), earlier()), folder())
    fill(tmp_path, [[call(number, *said) for number, said in enumerate(CALLS, 1)]], rules)
    return tmp_path


def test_the_page_shows_what_the_commands_print(data_dir: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    shown = "".join(blocks(PAGE, "console"))
    commands = re.findall(r"^\$ (.+)$", shown, re.MULTILINE)
    assert len(commands) >= 6
    printed = ""
    for command in commands:
        words = shlex.split(command)
        assert words[0] == "marginlake"
        assert run([*words[1:], "--data", str(data_dir)]) == 0
        printed += f"$ {command}\n" + capfdbinary.readouterr().out.decode()
    assert without_ids(printed) == without_ids(shown)


def without_ids(text: str) -> str:
    """Ids and versions of catalogs follow from their content, of which the page tells nothing."""
    return re.sub(r"catalog [0-9a-f]{12} \([^)]*\)", "catalog ID", text)
