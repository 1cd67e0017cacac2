"""The code of missed-prefix-reuse is for the shell or a server."""

NOT_PYTHON = "a command line of vLLM beside a line of Python"
