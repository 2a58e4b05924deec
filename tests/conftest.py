"""Property tests: no deadline, since a busy machine is no bug; the same examples at every run in CI."""

import os

from hypothesis import settings

settings.register_profile("marginlake", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("marginlake")
