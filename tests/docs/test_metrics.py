"""The page on metrics: its settings are the defaults, and Prometheus is sent to where the service listens.

That its tables are true is checked against a running service: tests/service/test_metrics.py.
"""

import tomllib

from marginlake.config import Config
from tests.docs.test_examples import ROOT, blocks

PAGE = ROOT / "docs" / "metrics.md"


def test_the_settings_of_the_page_are_the_defaults() -> None:
    (settings,) = blocks(PAGE, "toml")
    assert Config(**tomllib.loads(settings)) == Config()


def test_prometheus_scrapes_the_http_port() -> None:
    (scraping,) = blocks(PAGE, "yaml")
    assert f'"{Config().receiver.http}"' in scraping
