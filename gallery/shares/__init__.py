"""Share links: creating and withdrawing them, passwords, and the pages that guests see."""
