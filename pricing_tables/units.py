"""The billable units a price catalog can carry, and which of them a model call reports.

Names follow the vendors' own way of printing prices (`_mtok` = per million tokens, `_k...` = per thousand, `_hours`),
so a rate row shows the figure of the price page: the price is stored with its `per` and never divided beforehand.
"""

from __future__ import annotations

from typing import Final

PER: Final[dict[str, int]] = {
    "input_mtok": 1_000_000,
    "cache_read_mtok": 1_000_000,
    "cache_write_mtok": 1_000_000,
    "cache_write_5m_mtok": 1_000_000,
    "cache_write_1h_mtok": 1_000_000,
    "output_mtok": 1_000_000,
    "output_reasoning_mtok": 1_000_000,
    "output_citation_mtok": 1_000_000,
    "input_audio_mtok": 1_000_000,
    "cache_audio_read_mtok": 1_000_000,
    "output_audio_mtok": 1_000_000,
    "input_image_mtok": 1_000_000,
    "cache_image_read_mtok": 1_000_000,
    "output_image_mtok": 1_000_000,
    "input_video_mtok": 1_000_000,
    "output_video_mtok": 1_000_000,
    "input_mchars": 1_000_000,
    "input_text_messages_kcount": 1_000,
    "audio_hours": 3_600,
    "input_audio_hours": 3_600,
    "output_audio_hours": 3_600,
    "input_gpixels": 1_000_000_000,
    "input_document_kpages": 1_000,
    "input_annotated_document_kpages": 1_000,
    "rerank_searches_kcount": 1_000,
    "web_searches_kcount": 1_000,
    "social_searches_kcount": 1_000,
    "storage_searches_kcount": 1_000,
    "code_executions_kcount": 1_000,
    "requests_kcount": 1_000,
    "input_images_kcount": 1_000,
    "output_images_kcount": 1_000,
    "output_video_hours": 3_600,
    "output_mchars": 1_000_000,
}
"""Price column of a rate row -> how many units the price buys (seconds for hours, pixels, pages, characters, ...)."""

PRICE_COLUMNS: Final[tuple[str, ...]] = tuple(PER)

AMOUNTS: Final[dict[str, tuple[str, ...]]] = {
    "images": ("output_images_kcount", "input_images_kcount"),
    "audio_seconds": ("audio_hours", "input_audio_hours", "output_audio_hours"),
    "video_seconds": ("output_video_hours",),
    "characters": ("input_mchars", "output_mchars"),
    "pages": ("input_document_kpages", "input_annotated_document_kpages"),
}
"""Amount that a call reports -> the price columns that may bill it, the first that a rate has."""

UNIT_NAMES: Final[dict[str, str]] = {
    "input_mchars": "character",
    "output_mchars": "character",
    "input_text_messages_kcount": "message",
    "audio_hours": "audio hour",
    "input_audio_hours": "audio hour",
    "output_audio_hours": "audio hour",
    "output_video_hours": "video hour",
    "input_images_kcount": "image",
    "output_images_kcount": "image",
    "input_gpixels": "pixel",
    "input_document_kpages": "document page",
    "input_annotated_document_kpages": "document page",
}
"""Units that can stand for all that a call is billed by, instead of tokens, as a `rate_note` names them."""
