"""A stock OpenTelemetry application: nothing but the SDK, and all of its export configured by the environment.

`python app.py CUSTOMER` opens one request span with two model calls in it and a billed event on it, and ends.
"""

import os
import sys

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter


def exporter() -> SpanExporter:
    """The SDK's own exporter for the protocol that the environment names; everything else it reads there itself."""
    if os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter

        return GrpcExporter()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter

    return HttpExporter()


def main() -> None:
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter()))
    trace.set_tracer_provider(provider)
    tracer = trace.get_tracer("shop", "1.0")
    with tracer.start_as_current_span("answer ticket") as request:
        request.set_attribute("customer.id", sys.argv[1])
        for question in range(2):
            with tracer.start_as_current_span("chat gpt-4o-mini") as call:
                call.set_attributes(
                    {
                        "gen_ai.operation.name": "chat",
                        "gen_ai.provider.name": "openai",
                        "gen_ai.request.model": "gpt-4o-mini",
                        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
                        "gen_ai.usage.input_tokens": 1000 + question,
                        "gen_ai.usage.output_tokens": 100,
                    }
                )
        request.add_event("billed", {"marginlake.signal.event_name": "ticket_resolved"})
    provider.shutdown()


if __name__ == "__main__":
    main()
