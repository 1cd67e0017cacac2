"""A way into a process that opted in: a socket in its user's runtime folder, and who asks there."""
