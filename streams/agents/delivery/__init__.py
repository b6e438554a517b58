"""Records in and out of a worker: lanes, offsets, lease, outbox, and Faust's transport."""
