"""What the bot keeps of its decisions, accounts and proposals, looked at: ledger, why, parity, account, approvals."""
