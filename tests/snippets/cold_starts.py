"""The code of cold-starts is for the shell or a server."""

NOT_PYTHON = "annotations of Knative"
