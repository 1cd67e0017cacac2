"""Requests of web servers: a middleware for ASGI and one for WSGI."""
