"""What matters most about each user: chosen, or written by a language model."""
