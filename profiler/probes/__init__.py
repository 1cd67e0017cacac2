"""What collectors ask the machine: NVML, /proc, cgroups, and a thread to ask regularly."""
