"""Who a span belongs to, by what it says itself."""

import pytest

from receiver.decode import decode_traces
from receiver.identity import IdentityConfig, own_identity
from tests.receiver.otlp_payloads import DATA, RECEIVED_NS, payload, span

DEFAULT = IdentityConfig()


def identity_of(values, resource=None, config=DEFAULT):
    spans = decode_traces([(payload(span(values), resource=resource), RECEIVED_NS)], config.wanted).spans
    return own_identity(spans, config).select("customer_id", "product_id", "cost_scope").row(0)


@pytest.mark.parametrize("key", ["external_customer_id", "customer.id", "enduser.id", "user.id", "langfuse.user.id"])
def test_the_customer_is_found_under_the_usual_names(key):
    assert identity_of({key: "acme"}) == ("acme", None, None)
    assert identity_of({}, resource={key: "acme"}) == ("acme", None, None)


@pytest.mark.parametrize("key", ["external_agent_id", "external_product_id", "product.id"])
def test_the_product_is_found_under_the_usual_names(key):
    assert identity_of({key: "bot"}) == (None, "bot", None)


@pytest.mark.parametrize("key", ["paid_scope_id", "marginlake.cost_scope"])
def test_the_cost_scope_is_read_from_the_span_only(key):
    assert identity_of({key: 2071184812}) == (None, None, "2071184812")
    assert identity_of({}, resource={key: "7"}) == (None, None, None)


def test_a_session_is_no_customer():
    assert identity_of({"session.id": "s1"}, resource={"session.id": "s1"}) == (None, None, None)


def test_any_name_on_the_span_beats_the_best_name_on_the_resource():
    assert identity_of({"user.id": "u1"}, resource={"external_customer_id": "tenant"})[0] == "u1"


def test_an_empty_value_is_absent():
    assert identity_of({"external_customer_id": "", "user.id": "u1"})[0] == "u1"
    assert identity_of({"external_customer_id": ""}, resource={"customer.id": "tenant"})[0] == "tenant"


def test_a_number_is_an_id_too():
    assert identity_of({"customer.id": 42})[0] == "42"


def test_the_names_are_the_operators_choice():
    config = IdentityConfig(customer_keys=("tenant",), product_keys=(), scope_keys=())
    assert identity_of({"tenant": "t", "user.id": "u", "product.id": "p"}, config=config) == ("t", None, None)


def test_recorded_spans_of_the_paid_sdk_say_whose_they_are():
    body = (DATA / "paid" / "python" / "072_POST_v1_traces.body.pb").read_bytes()
    spans = own_identity(decode_traces([(body, RECEIVED_NS)], DEFAULT.wanted).spans, DEFAULT)

    assert set(spans.select("customer_id", "product_id").rows()) == {("cust_1", "chatbot")}
    assert spans["cost_scope"].str.contains(r"^\d+$").all()
