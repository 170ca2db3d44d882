"""One page that says what a run or sweep did, opens offline and can be handed on."""
