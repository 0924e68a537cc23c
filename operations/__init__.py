"""Staff pages: dashboard of usage, cost and revenue, health of upstreams, members, site settings,
announcements."""
