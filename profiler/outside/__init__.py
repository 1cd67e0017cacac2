"""Watching processes that we did not start, from outside: nothing of theirs is changed."""
