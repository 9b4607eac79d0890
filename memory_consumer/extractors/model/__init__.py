"""What is asked of a language model, and how its answers are read."""
