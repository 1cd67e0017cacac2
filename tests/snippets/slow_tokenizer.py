"""A tokenizer by name."""

name = "bert-base-uncased"
