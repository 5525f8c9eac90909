"""The clients' own configuration: the environment and the files that decide where docker, nerdctl and ctr look."""
