"""A local Amazon EC2: the API, and real machines behind it."""
