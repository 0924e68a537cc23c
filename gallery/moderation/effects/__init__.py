"""What a moderation decision does to items, uploads and members."""
