"""What the API is asked, by what it is about, as validated once at the edge."""
