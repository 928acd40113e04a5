"""Amazon Machine Images."""
