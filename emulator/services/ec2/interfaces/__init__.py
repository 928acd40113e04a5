"""Network interfaces and Elastic IP addresses."""
