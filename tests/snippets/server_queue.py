"""The code of server-queue is for the shell or a server."""

NOT_PYTHON = "a command line of vLLM, and settings of nginx"
