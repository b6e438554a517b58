"""One seed decides everything: an organisation, what happens to it, and what goes wrong on the way to its findings.

The pipeline is the real one (publisher, runner, lanes, handlers, tables, recovery, watchdog, lease); Kafka, the group
and time are ours, in one process and one thread, so that a seed that fails fails again:

    python -m tests.simulation --seed N --verbose

The idea is FoundationDB's (Zhou et al., "FoundationDB: A Distributed Unbundled Transactional Key Value Store",
SIGMOD 2021, section 4, simulation testing).
"""
