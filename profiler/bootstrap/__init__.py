"""A folder that ``infprof run`` puts first on the child's path, for its ``sitecustomize`` alone."""
