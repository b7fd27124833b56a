"""The commands of `groundup bench`, one file each, and what they share."""
