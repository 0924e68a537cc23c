"""The project: settings, addresses, the web server, health, and what holds all apps together."""
