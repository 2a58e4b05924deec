"""Signals as the API shows them: read from the lake, with the customers and products that their ids mean."""
