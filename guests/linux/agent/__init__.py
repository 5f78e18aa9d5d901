"""The program that runs as process 1 of a Linux guest: it takes services from the host and runs them on tensors.

It imports the standard library, numpy, `virtio_shm` and `guests.service` only; all but `devices` runs on a host
too.
"""
