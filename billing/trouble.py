"""Steps that are done again when they fail: what failed is told, in one line where it is no fault of the code."""

from collections.abc import Callable

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError

from billing.database import BillingError

log = structlog.get_logger("billing")


def attempt(step: Callable[[], object], otherwise: str, **about: str) -> bool:
    """Take the step; False when it failed, which is logged as `otherwise` with `about`.

    A full disk or a database that is away is told without a traceback, which would say nothing more, many times over.
    """
    try:
        step()
    except (OperationalError, InterfaceError) as error:
        log.error(otherwise, error=str(error.orig), **about)
    except (BillingError, OSError) as error:
        log.error(otherwise, error=str(error), **about)
    except Exception:
        log.exception(otherwise, **about)
    else:
        return True
    return False
