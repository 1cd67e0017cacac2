"""The one error that a person causes and a person can cure. Imports nothing."""


class BadInput(ValueError):
    """A file is not what it should be. The message is one line that names the file and the cure."""
