"""Collections: sets of pictures in an order of their own, kept by one or several members."""
