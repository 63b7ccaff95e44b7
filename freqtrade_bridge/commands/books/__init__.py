"""What the bot keeps of its decisions, accounts and proposals, looked at: ledger, why, account, approvals."""
