"""Staff pages: dashboard, upstream health, members, site settings, announcements, maintenance."""
