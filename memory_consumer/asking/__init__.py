"""From windows of pending messages to facts, by way of a language model."""
