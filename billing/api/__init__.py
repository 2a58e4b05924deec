"""The REST API under `/api/v2`: the JSON names, status codes and error bodies that the Paid SDKs expect."""
