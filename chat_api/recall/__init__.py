"""Memories that the rows bear out: recall, profiles, and how far learning is behind the rows."""
