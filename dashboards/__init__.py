"""Dashboards as code: Grafana over the lake and over /metrics, Datadog over /metrics.

`grafana` and `datadog` describe them, `scripts/build_dashboards.py` turns that into the JSON of `files/`, which is what
is installed and written out; so the SDK that builds them is needed by developers only.
"""
