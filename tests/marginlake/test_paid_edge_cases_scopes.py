"""What the Paid SDKs send at the edges, with their recorded traffic: cost scopes, contexts that leak, shared traces.

The numbers are those of the list of edge cases in docs/linking.md, which names a test for every case. Not in it, since
they belong to parts that do not exist yet or to clients alone:

- 17, 18 and 28 (units of amounts in other REST calls, credit ledgers, the value of a credit in a plan's price),
  21 and 22 (activation, archived products): the business server's API. Revenue rules already take credits, in dollars.
- 23 (clients that retry a 409): nothing here answers 409.
- 25, 26 and 27 (what clients do when set up twice, with other packages, or by other names): nothing reaches a server.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from lake.connect import Lake
from receiver.journal.record import Record
from tests.marginlake.lakes import differences, fill, land_into, tables
from tests.marginlake.paid_stories import (
    CHAT,
    EMBEDDING,
    FIVE_CALLS,
    FOLDER,
    GEMINI,
    MESSAGE,
    RESPONSE,
    Books,
    retold,
    rules,
    said,
    say,
    signal,
    story,
    tell,
)
from tests.new_lakes import empty_lake

REVENUE = Decimal("0.058")


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    empty_lake(tmp_path)
    with Lake.open(tmp_path, threads=1) as opened:
        yield opened


def usage_like_a_call(span: Span) -> None:
    """Make a plain span a model call of 1,000 tokens, $0.00015."""
    usage: dict[str, object] = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"}
    usage |= {"gen_ai.request.model": "gpt-4o-mini"}
    usage |= {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 0}
    say(span, **usage)


PLAIN_CALL = Decimal("0.00015")


def test_a_cost_attributed_signal_bears_exactly_the_calls_of_its_scope(lake: Lake) -> None:
    books = tell(lake, story("python_one_scope"))
    calls = (CHAT, EMBEDDING, RESPONSE, MESSAGE, GEMINI)
    assert books.links == [("chat_message", "scope", cost) for cost in calls]
    assert books.events == [("chat_message", "cust_1", "complete", FIVE_CALLS, REVENUE, REVENUE - FIVE_CALLS)]
    assert books.unclaimed == {}


def test_01_a_stale_scope_without_a_customer_is_nobody_s_and_no_event_bears_it(lake: Lake) -> None:
    """After the block, a call in a new trace carries the block's first scope and no customer."""
    books = tell(lake, story("python_stale_scope"))
    assert books.events == [("chat_message", "cust_1", "complete", FIVE_CALLS, REVENUE, REVENUE - FIVE_CALLS)]
    assert books.calls[-1] == (None, None, "priced", CHAT)
    assert books.unclaimed == {None: CHAT}
    assert books.total == FIVE_CALLS + CHAT


def test_01_a_span_after_the_block_of_a_cost_attributed_signal_is_left_out(lake: Lake) -> None:
    def outside(span: Span) -> None:
        if span.name in ("paid.trace.outside_after_cas", "paid.trace.in_thread"):
            usage_like_a_call(span)

    books = tell(lake, retold(story("python_leaking_scope"), outside))
    assert books.events == [("evt", "c2", "no_calls", 0, None, None)]
    assert books.calls == [(None, None, "priced", PLAIN_CALL)] * 2
    assert books.unclaimed == {None: 2 * PLAIN_CALL}


def with_a_claim_of_the_outer_block() -> list[Record]:
    """The nested blocks, every span but theirs a call, and a signal that claims the scope of the outer one."""
    claim = signal(
        "chat_message",
        customer={"externalCustomerId": "outer"},
        attribution={"externalProductId": "p"},
        data={"paid": {"paid_scope_id": 838321187}},
    )

    def calls(span: Span) -> None:
        if "parent_span" not in span.name:
            usage_like_a_call(span)

    return [*retold(story("python_leaking_blocks"), calls), claim]


def test_02_nested_blocks_are_each_their_own_customer_s_and_what_leaks_from_them_is_nobody_s(lake: Lake) -> None:
    """`outside_after_nested` says it is `outer`'s, product, scope and all; but its trace has no block."""
    books = tell(lake, with_a_claim_of_the_outer_block())
    assert sorted(books.calls, key=str) == [
        ("inner", "p", "priced", PLAIN_CALL),
        ("outer", "p", "priced", PLAIN_CALL),
        (None, None, "priced", PLAIN_CALL),
    ]
    assert books.links == [("chat_message", "scope", PLAIN_CALL)]
    assert books.events == [("chat_message", "outer", "complete", PLAIN_CALL, REVENUE, REVENUE - PLAIN_CALL)]
    assert books.unclaimed == {"inner": PLAIN_CALL, None: PLAIN_CALL}


def test_02_what_the_stray_span_said_is_kept_beside_what_is_believed(lake: Lake) -> None:
    books = tell(lake, with_a_claim_of_the_outer_block())
    stray = "FROM spans WHERE name = 'paid.trace.outside_after_nested'"
    assert books.read(f"SELECT customer_id, product_id, cost_scope {stray}") == [(None, None, None)]
    said_so = books.read(f"SELECT own_customer_id, own_product_id, own_cost_scope {stray}")
    assert said_so == [("outer", "p", "838321187")]


def test_02_a_call_whose_block_has_not_arrived_is_believed_until_its_root_says_otherwise(lake: Lake) -> None:
    """The block's span ends last; and a root that never comes (item 'roots') must not take the customer away."""

    def below_a_root(span: Span) -> bool:
        if span.name != "paid.trace.outside_after_nested":
            return False
        usage_like_a_call(span)
        span.parent_span_id = b"\x07" * 8
        return True

    def root(span: Span) -> bool:
        span.span_id = b"\x07" * 8
        return span.name == "paid.trace.outside_after_nested"

    call = retold(story("python_leaking_blocks"), below_a_root)[-1:]
    claim = with_a_claim_of_the_outer_block()[-1:]
    fill(lake, [call, claim], rules())
    assert Books(lake).links == [("chat_message", "scope", PLAIN_CALL)]
    fill(lake, [retold(story("python_leaking_blocks"), root)[-1:]], rules())
    assert Books(lake).links == []
    assert Books(lake).calls == [(None, None, "priced", PLAIN_CALL)]
    assert Books(lake).events == [("chat_message", "outer", "no_calls", 0, REVENUE, REVENUE)]


def test_02_a_signal_that_leaks_is_kept_and_bills_nobody(lake: Lake) -> None:
    """The deprecated `signal()` after nested blocks."""

    def signals(span: Span) -> bool:
        if span.name != "paid.trace.outside_after_nested":
            return False
        span.name = "paid.trace.signal"
        say(span, event_name="chat_message")
        return True

    books = tell(lake, retold(story("python_leaking_blocks"), signals))
    assert books.events == [("chat_message", None, "untraced", None, REVENUE, None)]
    assert books.read("SELECT own_customer_id FROM signals") == [("outer",)]


def test_03_two_customers_that_drew_one_scope_id_pay_each_their_own_calls(lake: Lake) -> None:
    def another_customer(span: Span) -> None:
        span.trace_id = bytes(byte ^ 1 for byte in span.trace_id)
        say(span, external_customer_id="cust_2")

    first, _, second = story("python_one_scope")
    two = [*story("python_one_scope"), *retold([first, second], another_customer)]
    claim = signal("email_sent", customer={"externalCustomerId": "cust_2"}, data={"paid": {"paid_scope_id": 291926496}})
    books = tell(lake, [*two, claim])
    assert {(event, customer, cost) for event, customer, _, cost, *_ in books.events} == {
        ("chat_message", "cust_1", FIVE_CALLS),
        ("email_sent", "cust_2", FIVE_CALLS),
    }


@pytest.mark.parametrize("product", [None, "another-bot"])
def test_03_the_same_customer_s_other_product_does_not_claim_by_the_id_alone(lake: Lake, product: str | None) -> None:
    attribution = {"externalProductId": product} if product else None
    claim = signal("email_sent", attribution=attribution, data={"paid": {"paid_scope_id": 291926496}})
    first, _, second = story("python_one_scope")
    books = tell(lake, [first, second, claim])
    assert [event[:4] for event in books.events] == [("email_sent", "cust_1", "no_calls", 0)]
    assert books.unclaimed == {"cust_1": FIVE_CALLS}


def test_04_a_signal_before_its_spans_in_between_and_long_after_them_is_the_same(lake: Lake, tmp_path: Path) -> None:
    first, claim, second = story("python_one_scope")
    orders = ([first, claim, second], [claim, first, second], [claim, second, first])
    at_once = land_into(lake, [list(orders[0])], rules())
    for number, order in enumerate(orders):
        empty_lake(tmp_path / str(number))
        with Lake.open(tmp_path / str(number), threads=1) as other:
            assert differences(land_into(other, [[record] for record in order], rules()), at_once) == []
    assert Books(lake).events == [("chat_message", "cust_1", "complete", FIVE_CALLS, REVENUE, REVENUE - FIVE_CALLS)]


def test_05_calls_after_the_last_signal_are_unclaimed_and_still_the_customer_s(lake: Lake) -> None:
    """Each `cost_attributed_signal` draws a new scope; what starts after the last belongs to one that nobody claims."""

    def later_scope(span: Span) -> None:
        if span.name in ("paid.trace.Messages", "paid.trace.GenerateContent"):
            say(span, paid_scope_id=77)

    books = tell(lake, retold(story("python_one_scope"), later_scope))
    claimed = CHAT + EMBEDDING + RESPONSE
    assert books.events == [("chat_message", "cust_1", "complete", claimed, REVENUE, REVENUE - claimed)]
    assert books.unclaimed == {"cust_1": MESSAGE + GEMINI}
    monthly = books.read("SELECT cost_usd FROM margin_monthly WHERE customer_id = 'cust_1'")
    assert monthly == [(FIVE_CALLS,)]


def test_05_a_span_that_started_before_the_signal_and_ended_after_it_keeps_its_scope(lake: Lake) -> None:
    def still_running(span: Span) -> None:
        if span.name == "paid.trace.GenerateContent":
            span.end_time_unix_nano += 60 * 10**9

    books = tell(lake, retold(story("python_one_scope"), still_running))
    assert books.events[0][3] == FIVE_CALLS


def test_16_a_customer_without_a_product_claims_what_has_no_product_either(lake: Lake) -> None:
    def without_product(span: Span) -> None:
        say(span, external_agent_id=None)

    claim = signal("chat_message", attribution=None, data={"paid": {"paid_scope_id": 291926496}})
    first, _, second = story("python_one_scope")
    books = tell(lake, [*retold([first, second], without_product), claim])
    assert books.events == [("chat_message", "cust_1", "complete", FIVE_CALLS, REVENUE, REVENUE - FIVE_CALLS)]
    assert {call[:2] for call in books.calls} == {("cust_1", None)}


def test_distributed_blocks_share_a_trace_and_not_a_scope(lake: Lake) -> None:
    """Two processes under one tracing token: the parents of their blocks never arrive, and the calls are believed."""

    def calls(span: Span) -> None:
        if span.name == "paid.trace.work":
            usage_like_a_call(span)

    claims = [
        signal(
            event,
            customer={"externalCustomerId": "cust_2"},
            attribution={"externalProductId": "p2"},
            data={"paid": {"paid_scope_id": scope}},
        )
        for event, scope in (("chat_message", 677111359), ("email_sent", 1317299632))
    ]
    books = tell(lake, [*retold(story("python_distributed"), calls), *claims])
    assert books.calls == [("cust_2", "p2", "priced", PLAIN_CALL)] * 2
    assert books.links == [("chat_message", "scope", PLAIN_CALL), ("email_sent", "scope", PLAIN_CALL)]
    assert books.unclaimed == {}


def test_distributed_a_trace_link_gathers_the_calls_of_all_processes(lake: Lake) -> None:
    def calls_and_a_signal(span: Span) -> None:
        if span.name == "paid.trace.work":
            usage_like_a_call(span)
        if span.span_id.hex().startswith("2af107"):
            span.name = "paid.trace.signal"
            say(span, event_name="chat_message", enable_cost_tracing=True)

    books = tell(lake, retold(story("python_distributed"), calls_and_a_signal))
    assert books.links == [("chat_message", "trace", PLAIN_CALL)] * 2


def test_a_root_that_never_arrives_changes_nothing(lake: Lake) -> None:
    def lost(span: Span) -> bool:
        return span.name != "paid.trace.parent_span"

    books = tell(lake, retold(story("python_one_scope"), lost))
    assert books.events == [("chat_message", "cust_1", "complete", FIVE_CALLS, REVENUE, REVENUE - FIVE_CALLS)]


def test_all_stories_in_any_order_come_to_the_same(lake: Lake, tmp_path: Path) -> None:
    records = [record for folder in sorted(FOLDER.iterdir()) for record in story(folder.name)]
    at_once = land_into(lake, [records], rules())
    empty_lake(tmp_path / "backwards")
    with Lake.open(tmp_path / "backwards", threads=1) as other:
        fill(other, [records[start::4][::-1] for start in (2, 0, 3, 1)], rules())
        assert differences(tables(other), at_once) == []
        assert differences(land_into(other, [records], rules()), at_once) == [], "sent again, nothing changes"


def test_the_stories_are_those_of_the_sdk() -> None:
    """The scope on every stamped span is a number of 31 bits, and a block is named as `analytics.leaked` has it."""
    from analytics.leaked import BLOCK, PREFIX

    names: list[str] = []

    def look(span: Span) -> None:
        names.append(span.name)
        if "paid_scope_id" in said(span):
            assert 0 < said(span)["paid_scope_id"] < 2**31

    for folder in FOLDER.iterdir():
        retold(story(folder.name), look)
    assert all(name.startswith(PREFIX) for name in names)
    assert names.count(BLOCK) >= 8
