"""What a run leaves behind: the record of it and the files made from that record."""
