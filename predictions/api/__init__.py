"""The predictions' share of `/api/`: what things cost, what was made, how much of it, and what can be asked for."""
