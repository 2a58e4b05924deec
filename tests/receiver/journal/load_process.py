"""A process that appends from many threads and prints what was acknowledged, until it is killed."""

import os
import sys
import threading
from pathlib import Path

from receiver.journal import Journal, Kind


def main(directory: Path, name: str) -> None:
    journal = Journal(directory, segment_bytes=1 << 20)

    def client(thread: int) -> None:
        number = 0
        while True:
            payload = f"{name}/{thread}/{number}".encode() + b"." * (97 * number % 5_000)
            seq = journal.append(Kind.TRACES, payload).result()
            os.write(1, f"{seq} {name}/{thread}/{number}\n".encode())
            number += 1

    for thread in range(8):
        threading.Thread(target=client, args=(thread,), daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
