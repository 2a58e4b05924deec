"""The real service lets in whom it is told to: by key over gRPC, HTTP and REST, old clients by the payload's key."""

from pathlib import Path

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from tests.marginlake.lakes import DATA
from tests.service.running import Service, marginlake, sql, wait_for

CAPTURE = ExportTraceServiceRequest.FromString((DATA / "dialects" / "openinference-langchain_agent.pb").read_bytes())
SPANS = sum(len(scope.spans) for resource in CAPTURE.resource_spans for scope in resource.scope_spans)
SIGNAL = {"signals": [{"eventName": "e", "customer": {"externalCustomerId": "c"}, "idempotencyKey": "k"}]}
PROTOBUF = {"content-type": "application/x-protobuf"}


def test_without_a_key_nothing_gets_in_and_with_one_everything_does(tmp_path: Path):
    data = tmp_path / "data"
    with Service(data, keys=True) as service, httpx.Client(base_url=f"http://{service.http}", timeout=20) as client:
        assert any("marginlake keys create" in line for line in service.printed)
        body = CAPTURE.SerializeToString()
        assert client.post("/v1/traces", content=body, headers=PROTOBUF).status_code == 401
        assert client.post("/api/v2/signals/bulk", json=SIGNAL).status_code == 403
        assert client.get("/api/v2/credits/currencies").status_code == 403
        assert client.get("/healthz").status_code == 200

        created = marginlake("keys", "create", "tests", "--data", str(data))
        key = created.stdout.strip()
        bearer = {"Authorization": f"Bearer {key}"}

        with grpc.insecure_channel(service.grpc) as channel:
            export = TraceServiceStub(channel).Export
            with pytest.raises(grpc.RpcError) as refused:
                export(CAPTURE, timeout=20)
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
            export(CAPTURE, timeout=20, metadata=[("authorization", f"Bearer {key}")])
        assert client.post("/v1/traces", content=body, headers=PROTOBUF | bearer).status_code == 200
        assert client.post("/api/v2/signals/bulk", json=SIGNAL, headers=bearer).json()["ingested"] == 1
        assert client.get("/api/v2/credits/currencies", headers=bearer).status_code == 200

        old = old_client(key)
        assert client.post("/v1/traces", content=old_client("wrong"), headers=PROTOBUF).status_code == 401
        assert client.post("/v1/traces", content=old, headers=PROTOBUF).status_code == 200

        wait_for(data, "SELECT count(*) FROM spans", SPANS)
        wait_for(data, "SELECT count(*) FROM signals", 1)
        stored = sql(data, "SELECT string_agg(attributes::VARCHAR) AS text FROM spans")[0]["text"]
        assert key not in stored


def old_client(key: str) -> bytes:
    """The same spans as a client sends them that has no header, and its key in the resource."""
    request = ExportTraceServiceRequest()
    request.CopyFrom(CAPTURE)
    for resource in request.resource_spans:
        resource.resource.attributes.append(KeyValue(key="api.key", value=AnyValue(string_value=key)))
    return request.SerializeToString()


def test_callers_without_a_key_are_never_let_in_where_others_can_reach(tmp_path: Path):
    answer = marginlake("serve", "--data", str(tmp_path), "--http", "0.0.0.0:0", "--grpc", "127.0.0.1:0", "--anonymous")

    assert answer.returncode == 1
    assert "callers without a key are let in on loopback only, and receiver.http is 0.0.0.0:0" in answer.stderr
