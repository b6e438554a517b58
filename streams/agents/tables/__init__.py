"""What a worker keeps: rows by partition, the changelog in Kafka, the local store."""
