"""How good an explanation is: what it leaves out, how the network takes it, and whether it can be trusted."""
