"""Notifications: kinds, writing, rendering, inbox, e-mail queue and preferences."""
