"""What happens in the demo's company: one function per kind of work, each plans a trace in its service's dialect."""

import json

from marginlake.demo import dialects
from marginlake.demo.company import BETA_CUSTOMER, CONTRACTS, SALES, SHOP, SUPPORT, Company
from marginlake.demo.plan import Attributes, Call, Event, Signal, Span, Trace, sequence, total

APP = ("juniper.app", "3.2.0")


def ticket(company: Company) -> Trace:
    """A support ticket (GenAI conventions). Only the root names the customer; the signal is an event on the root.

    Some calls fail and are tried again, at no cost or at that of what had been streamed; some tickets stay unresolved.
    """
    customer = company.customer()
    answer = company.chat("openai", "gpt-5.4-mini", "gpt-5.4-mini-2026-03-17", size=6_000, answer=500, thinks=True)
    steps = [
        dialects.genai(company.embedding(), company.milliseconds(30, 90)),
        Span("SELECT articles", APP, {"db.system.name": "postgresql"}, duration_ms=12),
        dialects.genai(answer, company.milliseconds(600, 2500)),
        dialects.genai_tool("lookup_order", company.milliseconds(20, 200), APP),
    ]
    if company.dice.random() < 0.15:
        steps.append(dialects.genai(company.failure("openai", "gpt-6-sol"), company.milliseconds(40, 400)))
    if company.dice.random() < 0.12:
        broken = company.interrupted("openai", "gpt-6-sol", size=11_000, answer=900)
        steps.append(dialects.genai(broken, company.milliseconds(500, 3000)))
    final = company.chat("openai", "gpt-6-sol", size=11_000, answer=900, thinks=True)
    steps.append(dialects.genai(final, company.milliseconds(1500, 6000)))
    root = sequence(_root("POST /tickets/{id}/reply", {"customer.id": customer, "product.id": SUPPORT}), *steps)
    resolved = company.dice.random() < 0.85
    feature, minutes = company.dice.choice(["orders", "orders", "refunds"]), company.milliseconds(4, 15)
    data: dict[str, object] = {"resolved": resolved, "feature": feature, "minutes": minutes if resolved else 0}
    signal = Signal("ticket_resolved", SUPPORT, customer, data)
    root.events = (Event(root.duration_ms - 1, "ticket.resolved", _neutral(signal), signal),)
    return Trace("support-api", company.moment(), root, customer, SUPPORT)


def escalation(company: Company) -> Trace:
    """Agents inside an agent: each repeats the usage below it, only the chats count. The agent span is the signal."""
    customer = company.customer()
    research = [
        company.chat("google", "gemini-3.1-pro-preview", size=30_000, answer=1_400, thinks=True),
        company.chat("google", "gemini-3.8-flash", size=9_000, answer=700, thinks=False),
    ]
    verdict = company.chat("openai", "gpt-6-sol", size=14_000, answer=1_200, thinks=True)
    inner = sequence(
        dialects.genai_agent("researcher", total(research)),
        dialects.genai(research[0], company.milliseconds(2000, 9000)),
        dialects.genai_tool("search_policies", company.milliseconds(60, 400)),
        dialects.genai(research[1], company.milliseconds(900, 3000)),
    )
    outer = sequence(
        dialects.genai_agent("case-manager", total([*research, verdict])),
        inner,
        dialects.genai(verdict, company.milliseconds(2000, 7000)),
    )
    signal = Signal("case_escalated", SUPPORT, customer, {"severity": company.dice.choice(["high", "urgent"])})
    outer.attributes |= _neutral(signal)
    outer.signal = signal
    root = sequence(_root("case worker", {"enduser.id": customer, "external_product_id": SUPPORT}), outer)
    return Trace("support-api", company.moment(), root, customer, SUPPORT)


def contract(company: Company, *, signal_early: bool) -> Trace:
    """A contract read by an agent as the Paid SDK sends it: every span carries customer, product and a scope id, and a
    REST signal claims the scope. Each call is seen twice, by OpenInference and by the Anthropic SDK inside it.
    """
    customer = company.customer()
    scope = company.dice.randrange(1, 2**31 - 1)
    pages = company.milliseconds(8, 60)
    model = company.dice.choice(["claude-sonnet-5-5", "claude-sonnet-5-5", "claude-opus-5-5"])
    reads = range(company.dice.randint(1, 3))
    calls = [company.anthropic(model, size=2_600 * pages, answer=2_500, hour=True) for _ in reads]
    steps = [_seen_twice(company, call) for call in calls]
    if company.dice.random() < 0.3:
        compare = company.chat("google", "gemini-3.1-pro-preview", size=240_000, answer=800, thinks=True)
        calls.append(compare)
        package = "openinference.instrumentation.google_genai"
        took = company.milliseconds(3000, 15000)
        steps.append(dialects.openinference(compare, took, name="GenerateContent", package=package))
    agent = sequence(dialects.openinference_agent("ContractReader", total(calls)), *steps)
    root = sequence(Span("parent_span", dialects.PAID, {}), agent)
    common: Attributes = {
        "external_customer_id": customer,
        "external_agent_id": CONTRACTS,
        "paid_scope_id": scope,
        "paid.sdk.version": "python-1.12.0",
    }
    for span in root.walk():
        span.name = f"paid.trace.{span.name}"
        span.attributes |= common
    trace = Trace("contract-agent", company.moment(), root, customer, CONTRACTS)
    data: dict[str, object] = {"pages": pages, "paid": {"enable_cost_tracing": True, "paid_scope_id": scope}}
    key = f"contract-{company.dice.getrandbits(48):012x}"
    at = trace.start if signal_early else trace.end
    trace.api_signals = (Signal("contract_reviewed", CONTRACTS, customer, data, True, scope, key, at),)
    return trace


def shop_chat(company: Company) -> Trace:
    """A shopper's question (AI SDK 6, outer and inner spans). The signal comes first, before its calls, Node style."""
    customer = company.customer()
    provider, model, size = company.dice.choice(
        [
            ("google", "gemini-3.8-flash", 5_000),
            ("openai", "gpt-5-mini", 7_000),
            ("anthropic", "claude-haiku-5-5", 9_000),
        ]
    )
    steps: list[Span] = []
    calls: list[Call] = []
    for step in range(company.dice.randint(1, 3)):
        if step:
            steps.append(dialects.vercel_tool("findProducts", company.milliseconds(30, 250)))
        call = (
            company.anthropic(model, size=size, answer=500)
            if provider == "anthropic"
            else company.chat(provider, model, size=size, answer=500, thinks=provider == "openai")
        )
        calls.append(call)
        steps.append(dialects.vercel_inner(call, company.milliseconds(500, 3000)))
    feature = company.dice.choice(["search", "search", "gift-finder", "size-advice"])
    signal = Signal("chat_answered", SHOP, customer, {"channel": "web", "feature": feature})
    chat = sequence(dialects.vercel_outer(calls, total(calls)), *steps)
    identity: Attributes = {"external_customer_id": customer, "external_agent_id": SHOP}
    page = Span("POST /api/chat", ("next.js", "16.1.0"), identity, "server")
    root = sequence(page, _paid_signal(signal, node=True), chat)
    return Trace("web-storefront", company.moment(), root, customer, SHOP)


def email(company: Company) -> Trace:
    """A sales email (Traceloop, OpenInference). Two signals share the trace's cost and arrive after everything else."""
    customer = company.customer()
    draft = company.chat("openai", "gpt-6-luna", size=3_500, answer=700, thinks=False)
    polish = company.chat("mistral", "mistral-medium-latest", size=1_800, answer=450, thinks=False)
    sent = _paid_signal(Signal("email_sent", SALES, customer, {"quantity": company.dice.randint(1, 4)}), node=False)
    scored = _paid_signal(Signal("lead_scored", SALES, customer, {"score": company.dice.randint(1, 100)}), node=False)
    sent.late = scored.late = True
    package = "openinference.instrumentation.mistralai"
    root = sequence(
        dialects.traceloop_workflow("outreach"),
        dialects.traceloop(draft, company.milliseconds(500, 2500)),
        dialects.openinference(polish, company.milliseconds(700, 2500), name="MistralClient.chat", package=package),
        sent,
        scored,
    )
    root.attributes |= {"external_customer_id": customer, "external_agent_id": SALES}
    return Trace("sales-writer", company.moment(), root, customer, SALES)


def house_model(company: Company) -> Trace:
    """A reply drafted by a model that no price list knows, and one streamed without usage: cost unknown, never zero."""
    customer = BETA_CUSTOMER
    signal = Signal("draft_suggested", SUPPORT, customer)
    root = sequence(
        _root("POST /drafts", {"customer.id": customer, "product.id": SUPPORT}),
        dialects.genai(company.own_model(), company.milliseconds(200, 900)),
        dialects.genai(company.silent_stream("openai", "gpt-6-luna"), company.milliseconds(300, 900)),
        _paid_signal(signal, node=True),
    )
    return Trace("support-api", company.moment(), root, customer, SUPPORT)


def evaluation(company: Company) -> Trace:
    """A nightly quality check: it serves no customer and no event, so its cost stays unclaimed, and visible."""
    judge = company.chat("x-ai", "grok-4.7", size=5_000, answer=300, thinks=True)
    root = sequence(
        Span("nightly evaluation", APP, {"job.name": "answer-quality"}),
        dialects.genai(company.embedding("gemini-embedding-2", "google"), company.milliseconds(30, 90)),
        dialects.genai(judge, company.milliseconds(800, 3000)),
    )
    return Trace("support-api", company.moment(), root, None, None)


def _seen_twice(company: Company, call: Call) -> Span:
    """One Claude call under two instrumentations, one inside the other: the inner one knows more, and counts."""
    package = "openinference.instrumentation.anthropic"
    outer = dialects.openinference(call, 1, name="messages.create", package=package)
    outer.aggregate = True
    return sequence(outer, dialects.anthropic_sdk(call, company.milliseconds(4000, 20000)))


def _root(name: str, identity: Attributes) -> Span:
    request: Attributes = {"http.request.method": "POST", "http.response.status_code": 200}
    return Span(name, APP, request | identity, "server")


def _neutral(signal: Signal) -> Attributes:
    """Our own attributes, by which any OpenTelemetry user signals without an SDK of ours."""
    return {"marginlake.signal.event_name": signal.event, "marginlake.signal.data": json.dumps(signal.data)}


def _paid_signal(signal: Signal, *, node: bool) -> Span:
    """A signal span as the Paid SDKs send it: both ask for cost tracing in `data.paid`, Node on the span too."""
    data = signal.data | {"paid": {"enable_cost_tracing": True}}
    attributes: Attributes = {"event_name": signal.event, "data": json.dumps(data)}
    if node:
        attributes["enable_cost_tracing"] = True
    scope = ("paid.node", "") if node else dialects.PAID
    return Span("paid.trace.signal", scope, attributes, duration_ms=1, signal=signal)
