"""The simulator: one accounting rule, the market's tensors, and what runs the rule over them."""
