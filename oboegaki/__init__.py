"""oboegaki: the command, and the wiring of the roles."""
