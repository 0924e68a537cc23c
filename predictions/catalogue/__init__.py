"""The catalogue: shipped models and versions, imports from Cog, samples."""
