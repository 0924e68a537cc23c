"""The ground floor: clock, database helpers, HTTP, admin, API and process tools that know no app."""
