"""A stand-in for a model provider: answers chat completions with a fixed usage. `python provider.py PORT`."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODEL = "gpt-4o-2024-08-06"
USAGE = {
    "prompt_tokens": 1200,
    "completion_tokens": 300,
    "total_tokens": 1500,
    "prompt_tokens_details": {"cached_tokens": 200},
    "completion_tokens_details": {"reasoning_tokens": 0},
}
"""Of OpenAI's prices for gpt-4o ($2.50, cached $1.25, output $10 a million): 1000, 200 and 300 tokens are $0.00575."""


class Provider(BaseHTTPRequestHandler):
    """Every POST is a chat completion."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer one call."""
        self.rfile.read(int(self.headers.get("content-length", 0)))
        message = {"role": "assistant", "content": "Hello! How can I help?"}
        body = json.dumps(
            {
                "id": "chatcmpl-example",
                "object": "chat.completion",
                "created": 1764547200,
                "model": MODEL,
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": USAGE,
            }
        ).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Nothing to say."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Provider).serve_forever()
