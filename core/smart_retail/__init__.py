"""Smart Retail Engine: raw order lines in, segments and recommendations out."""
