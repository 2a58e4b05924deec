"""A reader in a process of its own: asks the same question until its standard input ends, prints what was wrong.

`python reader.py DATA_DIR SPANS CALLS`: SPANS spans, CALLS of them model calls, and one event belong together.
Prints one JSON object: `{"asked": n, "states": n, "wrong": [...]}`; `states` counts the different answers.
"""

import json
import sys
import threading
from pathlib import Path

from lake.read import query

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
    data_dir, spans, calls = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    asked, seen, wrong, last = 0, set(), [], 0
    while not ended.is_set():
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
