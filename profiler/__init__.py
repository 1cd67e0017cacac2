"""Facts: what happened, and where the time went."""
