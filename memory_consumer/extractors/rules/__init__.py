"""What is told from a text by rules: sentences, speakers, small talk, questions."""
