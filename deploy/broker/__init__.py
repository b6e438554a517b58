"""Brokers for development, tests and the demo: Apache Kafka itself, and the embedded Tansu.

>>> from deploy.broker import kafka
>>> with kafka() as broker:  # doctest: +SKIP
...     print(broker.bootstrap)
"""

from deploy.broker.apache import kafka
from deploy.broker.embedded import tansu
from deploy.broker.process import Broker, BrokerError

__all__ = ["Broker", "BrokerError", "kafka", "tansu"]
