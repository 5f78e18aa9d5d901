"""Sizing: how much shared memory a scenario needs and how deep its rings must be, by models that answer in seconds."""
