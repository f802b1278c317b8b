"""Tests of the book in a real browser."""
