"""Amazon EC2: one module for each family of resources."""
