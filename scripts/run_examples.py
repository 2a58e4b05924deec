"""Run the examples against a service of their own: a fresh directory, free ports, a key, a stand-in for the provider.

`python -m scripts.run_examples PYTHON [NODE]`: the interpreter that has the SDK, and `node` where there is one.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.service.running import Service, marginlake

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
SECONDS = 180


def main() -> None:
    """Run them all; the first that fails ends it with its exit code."""
    python, node = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    with surroundings() as environment:
        run([python, str(EXAMPLES / "python" / "quickstart.py")], environment)
        run(
            [python, "-m", "pytest", "-c", str(EXAMPLES / "acceptance" / "pytest.ini"), str(EXAMPLES / "acceptance")],
            environment,
        )
        if node:
            run([node, str(EXAMPLES / "node" / "quickstart.cjs")], environment)


@contextmanager
def surroundings() -> Iterator[dict[str, str]]:
    """The variables of a service that runs, a key for it, and a provider."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="marginlake-examples-") as folder:
        data = Path(folder) / "data"
        provider = subprocess.Popen([sys.executable, str(EXAMPLES / "provider.py"), str(port)])
        try:
            with Service(data, keys=True) as service:
                created = marginlake("keys", "create", "examples", "--scope", "admin", "--data", str(data))
                if created.returncode:
                    raise SystemExit(created.stderr)
                wait_for(port)
                yield {
                    **os.environ,
                    "MARGINLAKE_URL": f"http://{service.http}",
                    "MARGINLAKE_KEY": created.stdout.strip(),
                    "PROVIDER_URL": f"http://127.0.0.1:{port}/v1",
                }
                if service.stop():
                    raise SystemExit(f"the service failed: {service.log}")
        finally:
            provider.kill()
            provider.wait(10)


def run(command: list[str], environment: dict[str, str]) -> None:
    """Run one command to its end."""
    code = subprocess.run(command, env=environment, timeout=SECONDS, check=False).returncode
    if code:
        raise SystemExit(code)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    """Wait until something listens."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("the provider did not start")


if __name__ == "__main__":
    main()
