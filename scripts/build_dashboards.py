"""Write dashboards/files/ from the descriptions in dashboards/grafana and dashboards/datadog.

python -m scripts.build_dashboards
"""

from pathlib import Path

from dashboards import datadog, grafana

FILES = Path(__file__).resolve().parent.parent / "dashboards" / "files"


def built() -> dict[str, str]:
    """Content of every generated file, by its path below dashboards/files."""
    return {f"grafana/{name}.json": grafana.as_json(name) for name in grafana.DASHBOARDS} | {
        "datadog/marginlake.json": datadog.as_json()
    }


if __name__ == "__main__":
    for path, content in built().items():
        (FILES / path).parent.mkdir(parents=True, exist_ok=True)
        (FILES / path).write_text(content, encoding="utf-8")
