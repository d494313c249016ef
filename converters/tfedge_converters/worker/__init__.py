"""Processes in which interpreters run, and how this process talks to them.

Nothing is imported here, and nothing within knows of graphs: workers start fast.
"""
