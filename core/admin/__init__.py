"""Base classes, columns, filters, cells and exports of the Django admin."""
