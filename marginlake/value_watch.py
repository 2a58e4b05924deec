"""The value model of the REST API, followed by the running service: looked at beside requests, never in one."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from billing.context import Billing
from billing.database import BillingError
from billing.value.feed import Fed, fed
from lake.connect import Lake
from marginlake.adoption import with_values
from marginlake.config import Config
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
        """Take up what the API changed; whether there is something to be valued again. Raises LakeError, BillingError,
        ConfigError; the next call tries again.
        """
        try:
            with self._billing.database.read() as session:
                now = fed(session)
        except SQLAlchemyError as error:
            raise BillingError(f"the business database cannot be read: {error}") from error
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
