"""The manager whose machines are Docker containers."""
