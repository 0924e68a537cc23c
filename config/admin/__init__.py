"""The admin site: its theme, sidebar and first page."""
