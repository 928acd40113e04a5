"""HTTP: the server, the API's front door, health and administration."""
