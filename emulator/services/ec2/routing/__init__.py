"""Where packets may go: route tables and what routes lead to."""
