"""Who calls, and whose memory they may touch."""
