"""The code of misleading-utilization is for the shell or a server."""

NOT_PYTHON = "command lines of infprof and dcgmi"
