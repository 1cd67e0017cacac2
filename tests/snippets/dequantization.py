"""A model by name."""

NAME = "hf-internal-testing/tiny-random-LlamaForCausalLM"
