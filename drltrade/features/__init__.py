"""Causal features of price bars, their scaler, and the audit that proves them causal."""
