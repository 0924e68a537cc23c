"""Views of the studio's pages and fragments."""
