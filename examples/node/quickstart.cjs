// The Paid quickstart with the unmodified `@paid-ai/paid-node`, against marginlake: only URLs and the key are set.
//
// Environment: MARGINLAKE_URL, MARGINLAKE_KEY (scope admin, since step 7 confirms a payment), PROVIDER_URL.
// The Node SDK has no calls for prices of new products, plans, value metrics and analytics: those go through `rest`.

const { randomUUID } = require("node:crypto");

const MARGINLAKE = process.env.MARGINLAKE_URL;
const KEY = process.env.MARGINLAKE_KEY;
const API = `${MARGINLAKE}/api/v2`;
process.env.PAID_OTEL_COLLECTOR_ENDPOINT = `${MARGINLAKE}/v1/traces`; // read when the SDK is loaded

const { PaidClient } = require("@paid-ai/paid-node");
const { initializeTracing, trace, signal } = require("@paid-ai/paid-node/tracing");
const { PaidOpenAI } = require("@paid-ai/paid-node/openai");
const OpenAI = require("openai");

const client = new PaidClient({ token: KEY, baseUrl: API });
const RUN = randomUUID().slice(0, 8);
const CUSTOMER = `acme-${RUN}`;
const PRODUCT = `chatbot-${RUN}`;
const CURRENCY = `chat-credits-${RUN}`;
const STARTED = new Date(Date.now() - 5000);
const CALL_COST_CENTS = 0.575; // what one call to the provider costs, see provider.py

async function main() {
  const { productId, proPlanId } = await step1ProductsAndPlans();
  await anOrder(productId);
  await step2Signals();
  await steps3And4CostsAndLinks();
  await step5DeliveredValue();
  await step6Balances();
  await step7Checkout(productId, proPlanId);
  console.log("node: all seven steps of the quickstart hold");
}

async function step1ProductsAndPlans() {
  const currency = await client.credits.createCreditCurrency({ name: "Chat Credits", key: CURRENCY });
  const product = await client.products.createProduct({ name: "ChatBot", externalId: PRODUCT });
  const message = {
    pricingType: "UsagePrepaidCredits",
    eventName: "chat_message",
    creditsCurrencyId: currency.id,
    creditCost: 1,
  };
  const fee = (cents) => ({
    pricingType: "RecurringPerUnit",
    billingFrequency: "Monthly",
    billingType: "Advance",
    pricePoints: [{ currency: "USD", unitPrice: cents }],
  });
  const benefit = (amount) => ({
    creditsCurrencyId: currency.id,
    amount,
    recipient: "organization",
    allocationCadence: "monthly",
  });
  await rest("PUT", `/products/${product.id}`, {
    productAttributes: [
      { name: "Subscription", pricing: fee(2900), creditBenefits: [benefit(500)] },
      { name: "Chat message", pricing: message },
    ],
  });
  const detail = await client.products.getProductByExternalId({ externalId: PRODUCT });
  check("attributes", detail.productAttributes.map((each) => each.name), ["Subscription", "Chat message"]);
  const [subscription, chat] = detail.productAttributes.map((each) => each.productAttributeId);

  const pro = await rest("POST", "/plans/", {
    productId: product.id,
    name: "Pro",
    attributes: [
      { productAttributeId: subscription, pricing: fee(7900), creditBenefits: [benefit(2000)] },
      { productAttributeId: chat, pricing: message },
    ],
  });
  return { productId: product.id, proPlanId: pro.id };
}

async function anOrder(productId) {
  const customer = await client.customers.createCustomer({ name: "Acme", externalId: CUSTOMER });
  const order = await client.orders.createOrder({
    customerId: customer.id,
    name: "Acme chatbot",
    currency: "USD",
    creationState: "active",
    lines: [{ productId }],
  });
  check("the order", (await client.orders.getOrderById({ id: order.id })).creationState, "active");
  check("credits of the product", await balance(CUSTOMER), 500);
}

async function step2Signals() {
  const message = {
    eventName: "chat_message",
    customer: { externalCustomerId: CUSTOMER },
    attribution: { externalProductId: PRODUCT },
    idempotencyKey: `message-1-${RUN}`,
    data: { channel: "web" },
  };
  check("the first message", await client.signals.createSignals({ signals: [message] }), {
    ingested: 1,
    duplicates: 0,
    failed: 0,
  });
  check("credits after one message", await balance(CUSTOMER), 499);
  await client.signals.createSignals({ signals: [message] });
  check("credits after it came twice", await balance(CUSTOMER), 499);
}

async function steps3And4CostsAndLinks() {
  initializeTracing(KEY);
  const llm = new PaidOpenAI(new OpenAI({ apiKey: "none", baseURL: process.env.PROVIDER_URL }));
  await trace({ externalCustomerId: CUSTOMER, externalProductId: PRODUCT }, async () => {
    await llm.chat.completions.create({ model: "gpt-4o", messages: [{ role: "user", content: "Hello" }] });
    await llm.chat.completions.create({ model: "gpt-4o", messages: [{ role: "user", content: "And again" }] });
    signal("chat_message", true, { time_saved: 3, money_saved: 1500 });
  });
  await eventually("the cost of the two calls", () =>
    rows(`SELECT count(*), sum(cost_amount) FROM fact_cost
          WHERE external_customer_id = '${CUSTOMER}' AND cost_amount IS NOT NULL`),
    [[2, 2 * CALL_COST_CENTS]]);
  await eventually("the message's cost", () =>
    rows(`SELECT cost_amount FROM fact_signal
          WHERE external_customer_id = '${CUSTOMER}' AND cost_amount > 0`),
    [[2 * CALL_COST_CENTS]]);
  await eventually("credits after two messages", () => balance(CUSTOMER), 498);
}

async function step5DeliveredValue() {
  await rest("POST", "/value-metrics/", {
    name: "Time saved",
    slug: `time-saved-${RUN}`,
    unit: { type: "duration", durationUnit: "minutes" },
    monetaryConversion: { valuePerUnit: 50 },
    formula: { expression: "time_saved", variables: [{ id: "time_saved", label: "Minutes saved" }] },
    signal: { eventName: "chat_message", defaults: { time_saved: 0 } },
  });
  const receipt = await client.valueReceipts.syncValueReceipt({
    externalCustomerId: CUSTOMER,
    startDate: STARTED.toISOString(),
    endDate: new Date().toISOString(),
  });
  await client.valueReceipts.sealValueReceipt({ id: receipt.id });
  const published = await client.valueReceipts.publishValueReceipt({ id: receipt.id });
  check("the sealed receipt", published.status, "posted");
}

async function step6Balances() {
  const granted = await rest("POST", `/customers/external/${CUSTOMER}/credits/grants`, {
    creditCurrencyKey: CURRENCY,
    amount: 12.345678,
  });
  check("the top-up", granted.grant.amountDecimal, "12.345678");
  check("credits with it", await balance(CUSTOMER), 510.345678);
}

async function step7Checkout(productId, planId) {
  const buyer = `globex-${RUN}`;
  const checkout = await client.checkouts.createCheckout({
    products: [{ id: productId, plans: [{ id: planId }] }],
    externalCustomerId: buyer,
    successUrl: "https://example.com/welcome?checkout_id={CHECKOUT_ID}",
    singleUse: false,
  });
  check("a new checkout", checkout.status, "active");
  check("its page", (await fetch(checkout.url)).status, 200);
  await rest("POST", `/checkouts/${checkout.id}/confirm`, {}); // what an operator does when the money has come
  const done = await client.checkouts.getCheckout({ id: checkout.id });
  check("the paid checkout", [done.status, done.externalCustomerId], ["completed", buyer]);
  check("credits of the bought plan", await balance(buyer), 2000);
}

async function balance(externalId) {
  const { data } = await client.customers.getCustomerCreditBalancesByExternalId({ externalId });
  return data.filter((each) => each.currencyKey === CURRENCY).reduce((sum, each) => sum + each.available, 0);
}

async function rows(query) {
  const answer = await rest("POST", "/analytics/query", { query });
  return answer.rows.map((row) => row.map((value) => (typeof value === "string" ? Number(value) : value)));
}

async function rest(method, path, body) {
  const answer = await fetch(API + path, {
    method,
    headers: { Authorization: `Bearer ${KEY}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

function check(what, found, expected) {
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new Error(`${what}: ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`);
  }
  console.log(`node: ${what}: ${JSON.stringify(found)}`);
}

async function eventually(what, look, expected, seconds = 20) {
  const until = Date.now() + seconds * 1000;
  let found = await look();
  while (JSON.stringify(found) !== JSON.stringify(expected) && Date.now() < until) {
    await new Promise((done) => setTimeout(done, 250));
    found = await look();
  }
  check(what, found, expected);
}

main().catch((error) => {
  console.error(`node: ${error.message}`);
  process.exit(1);
});
