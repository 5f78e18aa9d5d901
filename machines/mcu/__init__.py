"""What all backends of microcontrollers share."""
