"""The manager that keeps records only."""
