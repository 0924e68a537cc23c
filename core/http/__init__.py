"""HTTP helpers of pages and APIs: rendering, redirects, origins, JSON bodies, CSV."""
