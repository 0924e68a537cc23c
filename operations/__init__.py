"""The operator's desk: what the house made, cost and earned in any period, how its upstreams stand, and its rules."""
