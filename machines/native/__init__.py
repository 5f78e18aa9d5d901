"""Native participants: devices that the host itself plays, such as cameras and displays."""
