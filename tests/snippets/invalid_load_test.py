"""The code of invalid-load-test is for the shell or a server."""

NOT_PYTHON = "a script of k6, and command lines of load generators"
