"""Servers with a bottleneck planted in each, to be watched from outside. They print their port."""
