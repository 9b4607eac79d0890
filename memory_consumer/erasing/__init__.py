"""What erased text still needs: logs that roll although nobody writes, and telling where some of it is left."""
