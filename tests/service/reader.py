"""A reader in a process of its own, which asks the same question again and again, and prints what was wrong.

`python reader.py DATA_DIR SPANS CALLS SECONDS STATES`: SPANS spans, CALLS of them model calls, and one event belong
together. It ends after SECONDS, but not before it got STATES different answers (or `PATIENCE` seconds more have gone
by), and prints one JSON object: `{"asked": n, "states": n, "wrong": [...]}`.
"""

import json
import sys
import time
from pathlib import Path

from lake.read import query

PATIENCE = 60.0
QUESTION = """
SELECT (SELECT count(*) FROM spans) AS spans,
       (SELECT count(*) FROM costs) AS costs,
       (SELECT count(*) FROM signals) AS signals,
       (SELECT count(*) FROM event_margins) AS margins,
       (SELECT count(*) FROM cost_links) AS links,
       (SELECT sum(cost_usd) FROM cost_links) IS NOT DISTINCT FROM (SELECT sum(cost_usd) FROM costs) AS conserved,
       (SELECT sum(cost_usd) FROM event_margins) IS NOT DISTINCT FROM (SELECT sum(cost_usd) FROM costs) AS borne
"""


def main() -> None:
    data_dir, (spans, calls, seconds, states) = Path(sys.argv[1]), map(int, sys.argv[2:])
    began = time.monotonic()
    asked, seen, wrong, last = 0, set(), [], 0
    while (took := time.monotonic() - began) < seconds or (len(seen) < states and took < seconds + PATIENCE):
        asked += 1
        try:
            row = query(data_dir, QUESTION).row(0, named=True)
        except Exception as error:  # noqa: BLE001 (whatever it is, a reader must not see it)
            wrong.append(f"{type(error).__name__}: {error}")
            continue
        events = row["spans"] // spans
        expected = dict.fromkeys(("signals", "margins"), events) | {"costs": events * calls, "links": events * calls}
        whole = row["spans"] % spans == 0 and row["conserved"] and row["borne"]
        if not whole or any(row[name] != count for name, count in expected.items()) or row["spans"] < last:
            wrong.append(f"{row} after {last} spans")
        last = row["spans"]
        seen.add(last)
    sys.stdout.write(json.dumps({"asked": asked, "states": len(seen), "wrong": wrong[:10]}) + "\n")


if __name__ == "__main__":
    main()
