"""Staff: groups and permissions, the audit log, warnings, suspensions and bans."""
