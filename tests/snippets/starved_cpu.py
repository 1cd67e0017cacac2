"""The code of starved-cpu is for the shell, one for each of those who may have the cores."""

from infprof.rules.catalog.starved_cpu import HOST, ITSELF, NEIGHBOURS, QUOTA, Cause

NOT_PYTHON = "command lines of docker, vmstat, taskset and ps"
VALUES = [{"cause": Cause("", *one)} for one in (QUOTA, HOST, NEIGHBOURS, ITSELF)]
