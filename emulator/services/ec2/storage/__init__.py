"""Amazon EBS: volumes, snapshots and the account's settings."""
