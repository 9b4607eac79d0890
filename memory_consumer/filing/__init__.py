"""From facts records to memories in the store."""
