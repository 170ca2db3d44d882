"""Networks composed of encoders, a readout and a head."""
