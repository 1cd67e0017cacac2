"""The code of exposed-communication is for the shell or a server."""

NOT_PYTHON = "command lines of vLLM and nvidia-smi"
