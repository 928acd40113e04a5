"""The Instance Metadata Service."""
