"""The front door: command line, configuration, service and conveyor."""
