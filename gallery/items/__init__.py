"""Items: creation from outputs, who may see them, their pages, publication and deletion."""
