"""Logs that others ship into Kafka: Windows events by Winlogbeat, Entra's logs by Azure Monitor and Event Hubs."""
