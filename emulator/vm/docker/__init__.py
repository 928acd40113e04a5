"""The docker manager: instances are containers."""
