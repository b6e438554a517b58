"""Sources -> Kafka: what Active Directory and Microsoft Graph say, as facts."""
