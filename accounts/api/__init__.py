"""The accounts' share of `/api/`: who I am, what moved, who may call in my name."""
