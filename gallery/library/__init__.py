"""The library: a member's own items, filters, bulk actions, trash and downloads."""
