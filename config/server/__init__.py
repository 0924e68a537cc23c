"""The web server: process tree, HTTP protocol, bounds on request bodies, and Django in kept threads."""
