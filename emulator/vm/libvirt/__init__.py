"""Instances as virtual machines under libvirt."""
