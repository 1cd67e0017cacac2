"""The code of admission-limit is for the shell or a server."""

NOT_PYTHON = "command lines of vLLM and SGLang"
