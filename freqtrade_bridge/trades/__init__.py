"""From signal to trade: orders, plans and stops, fills, and what is learnt at the end."""
