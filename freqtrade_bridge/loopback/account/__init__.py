"""One made-up futures account on the loopback exchange: signed requests, matching, funding, liquidation, planned faults."""
