"""The page on webhooks: its message is what is sent, its check is the one to use."""

import json
import time
from datetime import datetime
from typing import Any

from billing.webhooks.emit import payload
from billing.webhooks.names import EVENTS
from billing.webhooks.signing import headers, new_secret
from tests.docs.test_examples import ROOT, blocks

PAGE = ROOT / "docs" / "webhooks.md"


def test_all_events_are_on_the_page_with_their_keys():
    text = PAGE.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `billing-")]
    told = {name.strip(" `"): row.split("|")[2].strip(" `") for row in rows for name in row.split("|")[1].split(",")}
    assert told == {name: event.key for name, event in EVENTS.items()}


def test_the_message_of_the_page_is_what_is_sent():
    (shown,) = blocks(PAGE, "json")
    message = json.loads(shown)
    moment = datetime.fromisoformat(message["timestamp"])
    sent = payload(message["event"], message["data"], moment, test=False, version=message["version"])
    assert json.loads(sent) == message


def test_the_check_of_the_page_knows_ours_from_others():
    (code,) = blocks(PAGE, "python")
    names: dict[str, Any] = {}
    exec(code, names)
    secret, body = new_secret(), b'{"event":"x"}'
    moment = datetime.fromtimestamp(time.time()).astimezone()
    signature = headers([secret], "msg_1", moment, body)["x-webhook-signature"]
    old = headers([secret], "msg_1", datetime.fromtimestamp(time.time() - 400).astimezone(), body)
    assert names["is_ours"](secret, signature, body)
    assert not names["is_ours"](new_secret(), signature, body)
    assert not names["is_ours"](secret, signature, body + b" ")
    assert not names["is_ours"](secret, old["x-webhook-signature"], body)
