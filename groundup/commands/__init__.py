"""The commands of `groundup`, one file each, and what they share."""
