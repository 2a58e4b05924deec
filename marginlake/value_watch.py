"""The value model of the REST API, followed by the running service: looked at beside requests, never in one."""

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from billing.context import Billing
from billing.database import BillingError
from billing.value.fed import Fed
from billing.value.feed import fed
from lake.connect import Lake
from marginlake.adoption import with_values
from marginlake.config import Config
from marginlake.failures import one_line
from marginlake.rules import Rules
from marginlake.value_store import revalue_again


class ValueWatch:
    """`follow` is called by one thread at a time. What changed is handed to `use`, which puts it in force."""

    def __init__(
        self,
        lake: Lake,
        config: Config,
        data_dir: Path,
        billing: Billing,
        rules: Callable[[], Rules],
        use: Callable[[Rules], None],
    ) -> None:
        self._lake = lake
        self._config = config
        self._data_dir = data_dir
        self._billing = billing
        self._rules = rules
        self._use = use
        self._seen: Fed | None = None

    def follow(self) -> bool:
        """Take up what the API changed; whether there is something to be valued again. Raises LakeError, OSError,
        ConfigError; the next call tries again.
        """
        try:
            with self._billing.database.read() as session:
                now = fed(session)
        except (SQLAlchemyError, BillingError) as error:
            # for upkeep it is a disk that cannot be read: it tries again
            raise OSError(errno.EIO, f"the business database cannot be read: {one_line(str(error))}") from error
        if now is None or now == self._seen:
            return False
        again = self._seen is not None and now.backfills != self._seen.backfills
        rules = self._rules()
        changed = with_values(self._lake, self._config, self._data_dir, rules, now)
        if again:
            revalue_again(self._lake)
        self._seen = now
        if changed is rules and not again:
            return False
        # a copy, since rules that are the same object count as followed already
        self._use(replace(changed))
        return True
