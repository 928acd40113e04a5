"""A local Amazon EC2: the API, and real machines behind it."""

# Here, and not read from what is installed, which takes a tenth of a start.
__version__ = "0.1.0"
