"""Provenance: XMP metadata in every published file, and content credentials (C2PA) where the operator can sign."""
