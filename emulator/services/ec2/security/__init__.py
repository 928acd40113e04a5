"""What packets may pass: security groups and network ACLs."""
