"""The APIs that official clients speak: Replicate's and OpenAI's images."""
