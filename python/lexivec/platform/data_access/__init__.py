"""Stores of the platform."""
