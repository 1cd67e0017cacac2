"""The code of starved-cpu is for the shell, one for each of those who may have the cores."""

from infprof.rules.catalog.starved_cpu import HOST, NEIGHBOURS, QUOTA, Cause

NOT_PYTHON = "command lines of docker, vmstat and taskset"
VALUES = [{"cause": Cause("", *one, 0.0)} for one in (QUOTA, HOST, NEIGHBOURS)]
