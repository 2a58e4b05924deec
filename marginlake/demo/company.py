"""The demo's company: four products, six customers, and the model calls its people cause, all from one seed."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from marginlake.demo.plan import Call, Tokens

CUSTOMERS = ("acme-retail", "borealis-health", "cobalt-games", "delta-freight", "ember-bank", "fjord-travel")
BETA_CUSTOMER = "cobalt-games"
"""Who tries what has no price yet."""
SUPPORT = "support-copilot"
CONTRACTS = "contract-reader"
SHOP = "shop-assistant"
SALES = "sales-writer"
HOURS = 36
"""How far back the traffic reaches."""


@dataclass(slots=True)
class Company:
    """The dice of the demo: same seed, same traffic (the ids of traces and spans are OpenTelemetry's own)."""

    dice: random.Random
    now: datetime

    def customer(self) -> str:
        """A customer; the first ones are busier."""
        return self.dice.choices(CUSTOMERS, weights=(9, 7, 6, 4, 3, 2))[0]

    def moment(self) -> datetime:
        """A start within the last `HOURS`, most of it recent, at least two minutes ago so that every span has ended."""
        hours = HOURS * self.dice.betavariate(1.1, 2.2)
        return self.now - timedelta(minutes=2) - timedelta(hours=hours)

    def milliseconds(self, low: int, high: int) -> int:
        """A duration in milliseconds, or another whole number."""
        return self.dice.randint(low, high)

    def chat(
        self, provider: str, model: str, response_model: str = "", *, size: int, answer: int, thinks: bool
    ) -> Call:
        """A chat call of about `size` input tokens, about half of them often read from a cache."""
        read = self._share(size, 0.35, 0.8) if self.dice.random() < 0.6 else 0
        output = self._share(answer, 0.5, 1.5)
        reasoning = self._share(output, 0.2, 0.7) if thinks else 0
        tokens = Tokens(input=read + self._share(size, 0.4, 1.0), cache_read=read, output=output, reasoning=reasoning)
        return Call(provider, model, self._response_id(provider), tokens, response_model)

    def anthropic(self, model: str, *, size: int, answer: int, hour: bool = False) -> Call:
        """A Claude call that reads and writes prompt caches: for 5 minutes, and with `hour` for an hour too."""
        read = self._share(size, 0.3, 0.7)
        write_5m = self._share(size, 0.05, 0.2)
        write_1h = self._share(size, 0.05, 0.2) if hour else 0
        fresh = self._share(size, 0.02, 0.3)
        tokens = Tokens(read + write_5m + write_1h + fresh, read, write_5m, write_1h, self._share(answer, 0.5, 1.5))
        return Call("anthropic", model, self._response_id("anthropic"), tokens)

    def embedding(self, model: str = "text-embedding-3-small", provider: str = "openai") -> Call:
        """An embedding of one question."""
        tokens = Tokens(input=self.milliseconds(12, 900))
        return Call(provider, model, self._response_id(provider), tokens, operation="embeddings")

    def failure(self, provider: str, model: str) -> Call:
        """A call that the provider refused: no usage, nothing to pay."""
        return Call(provider, model, self._response_id(provider), None, failed=True)

    def interrupted(self, provider: str, model: str, *, size: int, answer: int) -> Call:
        """A streamed call that broke off: the provider charges for what it had read and written until then."""
        tokens = Tokens(input=self._share(size, 0.4, 1.0), output=self._share(answer, 0.05, 0.6))
        return Call(provider, model, self._response_id(provider), tokens, failed=True)

    def silent_stream(self, provider: str, model: str) -> Call:
        """A streamed call whose sender never learned its usage: it did cost something, nobody knows what."""
        return Call(provider, model, self._response_id(provider), None)

    def own_model(self) -> Call:
        """A call of a model that no price list knows."""
        tokens = Tokens(input=self.milliseconds(300, 4000), output=self.milliseconds(40, 600))
        return Call("in-house", "juniper-tuned-8b", self._response_id("in-house"), tokens, known_model=False)

    def _share(self, of: int, low: float, high: float) -> int:
        return max(1, round(of * self.dice.uniform(low, high)))

    def _response_id(self, provider: str) -> str:
        prefix = {"anthropic": "msg_", "google": "gem-"}.get(provider, "chatcmpl-")
        return prefix + f"{self.dice.getrandbits(96):024x}"
