"""A made-up futures account on the loopback exchange: orders, matching, funding, liquidation, planned faults."""
