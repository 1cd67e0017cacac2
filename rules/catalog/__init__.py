"""One rule per file; the file name is the rule id with underscores."""
