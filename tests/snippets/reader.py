"""What the code of most fixes speaks of: a model, and what is given to it."""

from __future__ import annotations

import torch

device = "cuda" if torch.cuda.is_available() else "cpu"
dtype = torch.float32

model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
model = model.to(device)

x = torch.ones(2, 4, device=device)
example = largest_input = longest_input = x
shortest_input = torch.ones(1, 4, device=device)
one_input_per_served_shape = inputs = [shortest_input, longest_input]
