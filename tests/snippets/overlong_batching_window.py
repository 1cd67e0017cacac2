"""The code of overlong-batching-window is for the shell or a server."""

NOT_PYTHON = "settings of Triton beside what Ray Serve takes"
