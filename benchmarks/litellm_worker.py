"""LiteLLM's own price function, call by call. Runs in an environment that has `litellm` and nothing of ours.

Standard input: a JSON list of calls (provider, model, input, output, read, written, tier). Standard output: JSON with
`seconds` of the quickest of three rounds, and `costs`: a decimal string per call, null where LiteLLM raises.
"""

import json
import os
import sys
import time

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

_PROVIDERS = {"google": "gemini", "x-ai": "xai", "aws": "bedrock"}


def main() -> None:
    """Price all calls three times."""
    from litellm import cost_per_token

    calls = json.load(sys.stdin)
    seconds = float("inf")
    for _ in range(3):
        costs = []
        begun = time.perf_counter()
        for call in calls:
            try:
                parts = cost_per_token(
                    model=call["model"],
                    custom_llm_provider=_PROVIDERS.get(call["provider"], call["provider"]),
                    prompt_tokens=call["input"],
                    completion_tokens=call["output"],
                    cache_read_input_tokens=call["read"],
                    cache_creation_input_tokens=call["written"],
                    service_tier=call["tier"],
                )
            except Exception:  # noqa: BLE001 (its errors for unknown models have no narrower type of their own)
                parts = None
            costs.append(parts)
        seconds = min(seconds, time.perf_counter() - begun)
    json.dump(
        {"seconds": seconds, "costs": [None if parts is None else repr(sum(parts)) for parts in costs]}, sys.stdout
    )


if __name__ == "__main__":
    main()
