"""Mechanics with no AWS in them; imports nothing else of this program."""
