"""Transit gateways: attachments, route tables, routes."""
