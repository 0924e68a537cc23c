"""Webhooks: deliveries owed, signing, sending, retries, and a member's pages about them."""
