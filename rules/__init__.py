"""Opinions: what is wrong, and what fixing it would save."""
