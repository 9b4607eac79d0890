"""What stands in the logs: change events, facts records and dead letters, read and written. Pure."""
