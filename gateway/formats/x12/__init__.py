"""X12: reading, writing and keeping 835 remittances byte for byte."""
