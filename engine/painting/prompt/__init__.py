"""From a prompt in English or Chinese to what is painted."""
