"""Fitting of the customer value models: maximum likelihood, gradient boosting, backtests and calibration."""
