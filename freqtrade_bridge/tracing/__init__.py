"""What trace viewers are shown of each decision: described once, sent as LangSmith's runs or OpenTelemetry's spans."""
