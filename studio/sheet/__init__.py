"""The contact sheet: one strip for each batch, with the state of every frame."""
