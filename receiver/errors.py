"""Every refusal a sender can get, with its gRPC code, its HTTP status and whether it should retry.

The pairs follow the OTLP specification: only an overloaded receiver asks for a retry, and nothing here is ever a 500
or INTERNAL, because exporters drop the data on those.
"""

from typing import ClassVar, Final

from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, error_details_pb2
from google.rpc.status_pb2 import Status

LONGEST_MESSAGE: Final = 1024
"""Characters of a message to a sender: answers are bounded, and a message may quote from the request."""


class ListenError(OSError):
    """A server cannot listen on its address; the message is one line for people."""


class Refusal(Exception):  # noqa: N818 - an answer to the sender, not a fault of ours
    """A request that is not accepted. `reason` is the short label it is counted under."""

    reason: ClassVar[str]
    http_status: ClassVar[int]
    grpc_code: ClassVar[int]

    def __init__(self, message: str) -> None:
        super().__init__(shorten(message))

    @property
    def message(self) -> str:
        """The sentence for the sender's developer."""
        return str(self)

    def status(self) -> Status:
        """The `google.rpc.Status` that tells the sender, the same over gRPC and HTTP."""
        return Status(code=self.grpc_code, message=self.message)


class Malformed(Refusal):
    """The payload cannot be read as what it claims to be; the sender must not retry it."""

    reason = "malformed"
    http_status = 400
    grpc_code = code_pb2.INVALID_ARGUMENT

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field

    def status(self) -> Status:
        """With a BadRequest detail that names the offending field, where one is known."""
        status = super().status()
        violation = error_details_pb2.BadRequest.FieldViolation(field=self.field, description=self.message)
        status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
        return status


class TooLarge(Refusal):
    """The request is larger than the limit after decompression. No RetryInfo: it would be as large the next time."""

    reason = "too_large"
    http_status = 413
    grpc_code = code_pb2.RESOURCE_EXHAUSTED

    def __init__(self, limit: int) -> None:
        super().__init__(f"the request is larger than {limit} bytes after decompression; send smaller batches")


class Overloaded(Refusal):
    """Nothing was kept, or it is unknown whether it was: the sender should send the same again, a little later."""

    reason = "overloaded"
    http_status = 503
    grpc_code = code_pb2.UNAVAILABLE

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds

    def status(self) -> Status:
        """With the RetryInfo detail that makes the refusal retryable beyond doubt."""
        status = super().status()
        delay = Duration(seconds=self.retry_after_seconds)
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
        return status


class Unsupported(Refusal):
    """A content type or content encoding that this receiver does not speak."""

    reason = "unsupported"
    http_status = 415
    grpc_code = code_pb2.INVALID_ARGUMENT


class Unauthenticated(Refusal):
    """Keys are configured and the request carries none of them."""

    reason = "unauthenticated"
    http_status = 401
    grpc_code = code_pb2.UNAUTHENTICATED

    def __init__(self) -> None:
        super().__init__("missing or unknown API key; send it as 'Authorization: Bearer KEY'")


class WrongMethod(Refusal):
    """An HTTP method other than the one the path answers."""

    reason = "wrong_method"
    http_status = 405
    grpc_code = code_pb2.UNIMPLEMENTED


def shorten(message: str) -> str:
    """The message cut to `LONGEST_MESSAGE` characters."""
    return message if len(message) <= LONGEST_MESSAGE else message[: LONGEST_MESSAGE - 1] + "…"
