"""What a server tells of itself: metrics pages in Prometheus' format, read twice."""
