"""Collections: ordered sets of items, edited by their owner and by invited editors."""
