"""The bot's own books, which are no memory: ledger, spending, account, approvals, audit."""
