"""What the code of fixes leaves to its reader, as small real objects.

The code of a rule's fix runs with the names of ``reader`` and of the module here that is called as
the rule is, if there is one. That module may also hold

* ``VALUES``: what the rule fills into its code, as one mapping for each way to fill it,
* ``FILES``: what is in the files that the code expects beside it, by name,
* ``NEEDS_GPU``: why the code cannot run without one,
* ``NOT_PYTHON``: what language it is, where it is another; like ``NEEDS_GPU`` a mapping from text
  that such a code has to the words, where it is said of one code and not of another,
* ``PROGRAM``: text that only the code of a whole program has, which is run as one,
* ``before``: a function that is called first, to set what the code is to change,
* functions ``test_*``: each is called with what it asks for by name, if the code speaks of it all.
"""
