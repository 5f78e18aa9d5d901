"""The health of partitions: who hangs or has failed, and what is done about it."""
