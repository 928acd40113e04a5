"""Instances as VirtualBox virtual machines, by its command VBoxManage."""
