"""The code of speculative-decoding is for the shell or a server."""

NOT_PYTHON = "command lines of vLLM and SGLang"
