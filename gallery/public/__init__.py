"""The public gallery: lists, item and member pages, feeds, sitemaps, embeds."""
