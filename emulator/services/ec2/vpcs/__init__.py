"""Virtual private clouds: their ranges, subnets and options."""
