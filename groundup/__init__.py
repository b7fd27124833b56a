"""The runner of the course: whose code runs, the grader, the embedded corpus, the commands."""
