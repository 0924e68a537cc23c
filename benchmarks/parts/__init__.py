"""What the benchmarks start and compare with."""
