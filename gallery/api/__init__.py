"""The gallery's endpoints under `/api/`: a member's own items and share links, and the public gallery."""
