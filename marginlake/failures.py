"""The failures a user can meet and understand: each is told in one line, never as a traceback."""


class CommandError(Exception):
    """A command cannot do what was asked; the message is one line that says why and what to try."""


class UsageError(CommandError):
    """The command line itself is wrong (exit code 2): the message says what to write."""


def expected() -> tuple[type[Exception], ...]:
    """The kinds of failures that tell a user enough. They are imported only when something has failed."""
    import duckdb

    from billing.database import BillingError
    from lake.errors import LakeError
    from marginlake.catalogs import CatalogChoiceError, CatalogError
    from marginlake.config import ConfigError
    from receiver.journal.errors import JournalError
    from receiver.otlp_files import ImportFileError

    return (
        BillingError,
        CatalogChoiceError,
        CatalogError,
        CommandError,
        ConfigError,
        ImportFileError,
        JournalError,
        LakeError,
        duckdb.Error,
        OSError,
    )


def told(error: BaseException) -> str:
    """What a failure says, in one line; of the operating system's ones without their number."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return one_line(str(error))


def one_line(message: str) -> str:
    """The first meaningful line of a message, with the rest of a short one joined to it."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return " ".join(lines[:3])[:600] if lines else "no reason given"
