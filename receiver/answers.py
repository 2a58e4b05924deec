"""The bodies of OTLP answers: messages as protobuf or JSON, in the encoding the request came in."""

import json
from enum import Enum
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from receiver.intake import Outcome


class Encoding(Enum):
    """The two encodings of OTLP/HTTP, by content type."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"

    def encode(self, message: Message) -> bytes:
        """The message in this encoding."""
        if self is Encoding.PROTOBUF:
            return message.SerializeToString()
        content: dict[str, Any] = json_format.MessageToDict(message)
        return json.dumps(content, ensure_ascii=False).encode()


def traces_response(outcome: Outcome) -> ExportTraceServiceResponse:
    """The OTLP answer: `partial_success` is set only where spans were rejected."""
    response = ExportTraceServiceResponse()
    if outcome.rejected:
        response.partial_success.rejected_spans = outcome.rejected
        response.partial_success.error_message = outcome.message
    return response
