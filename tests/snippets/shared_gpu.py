"""The code of shared-gpu is for the shell or a server."""

NOT_PYTHON = "command lines of gunicorn, MPS and nvidia-smi"
