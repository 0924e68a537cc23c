"""The site's settings, feature flags, maintenance mode and announcements."""
