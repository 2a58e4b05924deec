"""Pin every package by version and hash: writes requirements.txt (run), requirements-dev.txt (develop), and the SDK's.

No address of a registry is recorded: the files hold names, versions and hashes only.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMON = ["--quiet", "--generate-hashes", "--allow-unsafe", "--strip-extras", "--no-header", "--no-annotate",
          "--no-emit-index-url", "--no-emit-trusted-host", "--no-emit-find-links", "--no-emit-options"]  # fmt: skip


def compile_pins(output: str, *extras: str, source: str = "pyproject.toml") -> None:
    """Resolve a source with the given extras into one hashed requirements file."""
    command = [sys.executable, "-m", "piptools", "compile", *COMMON, "--output-file", output]
    command += [flag for extra in extras for flag in ("--extra", extra)]
    subprocess.run([*command, source], cwd=ROOT, check=True)


if __name__ == "__main__":
    compile_pins("requirements-dev.txt", "dev", "demo", "prices")
    compile_pins("requirements.txt", "demo")
    for folder, name in (("examples/python", "requirements"), ("tests/billing/checkout", "localstripe")):
        compile_pins(f"{folder}/{name}.txt", source=f"{folder}/{name}.in")
