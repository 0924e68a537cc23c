"""Animations: frames between two images, clips with a moving camera, GIF and MP4 writers."""
