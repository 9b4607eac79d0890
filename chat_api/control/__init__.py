"""Users in control of their memories: added, corrected, pinned, filtered, explained, exported."""
