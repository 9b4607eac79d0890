"""The routes, by noun: each parses, makes one call, answers."""
