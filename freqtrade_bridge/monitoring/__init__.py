"""What a running bot says of itself: heartbeat, health, messages, metrics, charts, drift."""
