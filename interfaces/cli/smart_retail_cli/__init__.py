"""The command line of Smart Retail Engine."""
