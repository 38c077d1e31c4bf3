"""Tests that look at the web apps through Chromium."""
