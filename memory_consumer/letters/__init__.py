"""Dead letters as they are read, and what is redriven from them."""
