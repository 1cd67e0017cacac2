"""The code of slow-link is for the shell or a server."""

NOT_PYTHON = "command lines of nvidia-smi, lspci and numactl"
