"""What can go wrong with a lake, said in one line each."""


class LakeError(Exception):
    """The lake cannot do what was asked; the message is one line, fit to show a user."""


class LakeLockedError(LakeError):
    """Another process holds the lake's write lock (or its catalog) for longer than we were told to wait."""


class SchemaMismatchError(LakeError):
    """A frame does not have the columns or types of the table it was meant for."""
