"""What finds the facts: one module per extractor."""
