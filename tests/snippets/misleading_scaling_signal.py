"""The code of misleading-scaling-signal is for the shell or a server."""

NOT_PYTHON = "a manifest of KEDA, and annotations of Knative"
