"""Networks: addresses and, later, packet filters and bridges."""
