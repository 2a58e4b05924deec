"""The front door: command line, configuration, service and conveyor."""

from importlib.metadata import version

__version__ = version("marginlake")
