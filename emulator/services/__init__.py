"""What AWS means: one package or module for each service, over one dispatcher."""
