"""Words: one Report, shown many ways."""
