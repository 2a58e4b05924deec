"""Property tests: no deadline, since a busy machine is no bug; the same examples at every run in CI. No tokenizers."""

import os

from hypothesis import settings

for _name in ("TIKTOKEN_CACHE_DIR", "MARGINLAKE_TOKENIZERS"):
    os.environ.pop(_name, None)  # tokenizers of this machine are no part of a test

settings.register_profile("marginlake", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("marginlake")
