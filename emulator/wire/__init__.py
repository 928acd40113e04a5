"""AWS's protocols without I/O, driven by botocore's service models."""
