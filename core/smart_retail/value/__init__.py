"""Customer value: expected orders and spend, probability to return, next order date and lifetime value.

Imports NumPy and SciPy's special functions only; models are fitted by `smart_retail.training.value`.
"""
