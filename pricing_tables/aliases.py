"""Names that mean a catalog's model though no rule of the source says so without guessing.

Each entry is a fact about one vendor's naming, kept short. (provider, name) -> model id in the catalog.
"""

from __future__ import annotations

from typing import Final

ALIASES: Final[dict[tuple[str, str], str]] = {
    # OpenAI sells this model under its preview name only.
    ("openai", "computer-use-preview"): "computer-use",
    ("openai", "computer-use-preview-2025-03-11"): "computer-use",
    # All moderation models are free of charge.
    ("openai", "omni-moderation-latest"): "moderation",
    ("openai", "omni-moderation-2024-09-26"): "moderation",
    ("openai", "text-moderation-latest"): "moderation",
    ("openai", "text-moderation-stable"): "moderation",
    ("openai", "text-moderation-007"): "moderation",
    # Claude 2.0 and 2.1 share one price.
    ("anthropic", "claude-2.0"): "claude-2",
    ("anthropic", "claude-2.1"): "claude-2",
    # Paid previews of Gemini 2.5 Pro were billed at the price it was released with.
    ("google", "gemini-2.5-pro-preview-03-25"): "gemini-2.5-pro",
    ("google", "gemini-2.5-pro-preview-05-06"): "gemini-2.5-pro",
    ("google", "gemini-2.5-pro-preview-06-05"): "gemini-2.5-pro",
}
"""Only names that the vendor itself documents; never a pattern."""
