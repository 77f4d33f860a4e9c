"""A support assistant for the fictional insurer Northwind Mutual, gated by Headgate."""
