"""Change events in, facts out, points out: everything that learns."""
