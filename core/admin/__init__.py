"""Base classes, filters, cells and exports of the Django admin."""
