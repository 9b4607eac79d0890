"""Users in control of their memories: added, corrected, pinned, explained."""
