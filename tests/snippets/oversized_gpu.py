"""The code of oversized-gpu is for the shell or a server."""

NOT_PYTHON = "command lines of infprof and nvidia-smi"
