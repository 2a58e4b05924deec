"""The page on credits shows what the API answers, one request after another."""

import json
import re
from pathlib import Path

from billing.ledger.debits import Debit, debit
from tests.billing.shop import NOW, open_shop
from tests.docs.test_examples import ROOT, blocks

PAGE = ROOT / "docs" / "credits.md"
BURNT = 120 * 10**6


def test_the_page_shows_what_the_api_answers(tmp_path: Path):
    requests = [request for block in blocks(PAGE, "http") for request in block.strip().split("\n\n")]
    shown = [json.loads(block) for block in blocks(PAGE, "json")]
    with open_shop(tmp_path) as shop:
        answers = []
        for request in requests:
            line, _, body = request.partition("\n")
            method, path = line.split(" ", 1)
            answer = shop.api.request(method, path.removeprefix("/api/v2"), json=json.loads(body) if body else None)
            assert answer.status_code == 200, answer.text
            answers.append(json.loads(re.sub(r'"(cus|cc|txn)_\w+"', r'"\1_…"', answer.text)))
            if path.endswith("/grants"):
                customer, currency = answer.json()["customer"]["id"], shop.api.get("/credits/currencies").json()
                shop.clock.forward(minutes=30)
                each = Debit(
                    signal_id="sig_1", customer_id=customer, currency_id=currency["data"][0]["id"], amount_micro=BURNT,
                    occurred_at=shop.clock(), event_name="chat",
                )  # fmt: skip
                shop.database.write(lambda session, each=each: debit(session, [each], NOW))
    assert answers[2:] == shown
