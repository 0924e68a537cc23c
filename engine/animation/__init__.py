"""Moving pictures: what lies between two pictures, clips with a moving camera, and the files that hold them."""
