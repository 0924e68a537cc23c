"""The gallery's share of `/api/`: a member's items and share links, and what everybody may see."""
