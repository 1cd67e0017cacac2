"""The code of missing-dynamic-batching is for the shell or a server."""

NOT_PYTHON = "settings of Triton beside what BentoML and Ray Serve take"
