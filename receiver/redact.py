"""What may be stored of a span: secrets never, prompt and completion text only when the operator says so.

The rules look at attribute *keys*, so their cost is per distinct key and not per span: ``disposition`` remembers its
answers. The one rule on values is for addresses, whose query string may hold a key (``scrub_url``).
"""

import re
from enum import Enum
from functools import lru_cache
from typing import Final


class Disposition(Enum):
    """What an attribute key says about its value."""

    PLAIN = "plain"  # stored
    CONTENT = "content"  # prompt or completion text: stored only with capture_content
    SECRET = "secret"  # never stored, never handed to a dialect
    ADDRESS = "address"  # stored without the credentials its query string may hold


# The last word of a key decides whether it names a credential: `gen_ai.usage.input_tokens` counts tokens,
# `token` and `auth.access_token` are tokens. So only the tail of a key is looked at, however long the key is.
_TAIL: Final = 64
_SECRET: Final = re.compile(
    r"""(?:^|[._\-:/])(?:
        (?:proxy[._-])?authorization | auth[._-]?header | bearer
      | api[._-]?(?:key|secret) | (?:goog|subscription|access|account|private|encryption|signing)[._-]?key
      | (?:access|refresh|id|auth|bearer|session|security|secret|csrf|xsrf|oauth)?[._-]?token
      | secret(?:[._-]?(?:key|access[._-]?key|value))? | access[._-]?key[._-]?id
      | password | passwd | passphrase | pwd | credentials? | connection[._-]?string | dsn | signature
      | (?:set[._-])?cookies? | headers
    )(?:\.\d+)?$""",
    re.VERBOSE | re.IGNORECASE,
)
_SECRET_IN_CAMEL_CASE: Final = re.compile(
    r"[a-z0-9](?:ApiKey|APIKey|AccessKey|PrivateKey|SecretKey|AccessToken|AuthToken|Secret|Password)$"
)

_CONTENT: Final = re.compile(
    r"""^(?:
        gen_ai\.(?:
            (?:prompt|completion|system_instructions|content)(?:\..*)?
          | (?:input|output|request|response)\.(?:messages|text|content|prompt|completion|body)(?:\..*)?
          | (?:user|system|assistant|tool)\.message(?:\..*)? | choice(?:\..*)?
          | tool\.(?:definitions|json_schema|description|input|output|arguments|result|message)(?:\..*)?
          | tool\.call\.(?:arguments|result)(?:\..*)?
          | (?:task|agent|workflow|entity)\.(?:input|output)(?:\..*)?
          | (?:embeddings?|rerank|retrieval)\.(?:input|text|query|documents?)(?:\..*)? | retrieval\.query\.text
          | evaluation\.explanation
        )
      | llm\.(?:input_messages?|output_messages?|prompts?|completions?|choices|messages|content|function_call
               |invocation_parameters|prompt_template|tools|request\.messages|response\.messages)(?:\..*)?
      | llm\.(?!(?:token_count|cost|usage)\.)[A-Za-z0-9_\-]+\.
            (?:messages|input|content|choices|prompt|output|text|data|tools|system|instructions)
      | (?:input|output)\.value | input | output | prompt | completion | messages? | response | query | content
      | question | answer
      | (?:embedding|image)\.(?:embeddings|invocation_parameters|text|vector)(?:\..*)?
      | (?:retrieval|reranker)\.(?:documents|input_documents|output_documents|query)(?:\..*)?
      | (?:document|message|message_content)\.(?:content|contents|text|tool_calls)(?:\..*)?
      | tool\.(?:parameters|json_schema|input|output|arguments|result) | tool_arguments | tool_response
      | ai\.(?:prompt(?:\..*)? | response\.(?:text|object|toolCalls|reasoning|reasoningText|files|content)
             | result\.(?:text|object|toolCalls) | toolCall\.(?:args|result|input|output) | embeddings? | values?
             | schema(?:\..*)? | settings\.(?:output|system|instructions))
      | traceloop\.(?:entity\.(?:input|output)|prompt(?:\..*)?)
      | langfuse\.(?:observation|trace)\.(?:input|output) | langsmith\..*(?:inputs|outputs)(?:\..*)?
      | mlflow\.(?:spanInputs|spanOutputs|chunk\..*|chat\.messages|chat\.tools)
      | langchain\.(?:prompt|inputs?|outputs?)(?:\..*)? | crewai\..*\.(?:inputs?|outputs?|description|goal|backstory)
      | (?:pydantic_ai\.)?all_messages(?:_events)? | final_result | model_request_parameters | logfire\.json_schema
      | request_data | response_data | events | system_prompt | user_prompt
      | http\.(?:request|response)\.body(?:\..*)? | (?:request|response)\.(?:body|messages|content)(?:\..*)?
    )$""",
    re.VERBOSE | re.DOTALL,
)

_ADDRESS: Final = re.compile(
    r"(?:^|\.)(?:url\.(?:full|query)|http\.(?:url|target)|url|uri|api_base|base_url|endpoint)$"
)

_CREDENTIAL_PARAMETER: Final = re.compile(
    r"(?i)((?:^|[?&;])(?:[a-z0-9]+[_-])*(?:key|apikey|token|secret|password|sig|signature|code|credential)=)[^&#;\s]*"
)
_USER_INFO: Final = re.compile(r"(?<=://)[^/@\s]+@")


@lru_cache(maxsize=16_384)  # keys are the sender's choice, so the memory they may take is bounded
def disposition(key: str) -> Disposition:
    """Say whether an attribute of this name is a secret, content, an address, or plain."""
    tail = key[-_TAIL:]
    if _SECRET.search(tail) or _SECRET_IN_CAMEL_CASE.search(tail):
        return Disposition.SECRET
    if _CONTENT.match(key):
        return Disposition.CONTENT
    if _ADDRESS.search(key):
        return Disposition.ADDRESS
    return Disposition.PLAIN


def scrub_url(text: str) -> str:
    """The address with user info and credential-like query parameters replaced by ``REDACTED``."""
    if "?" not in text and "@" not in text and "=" not in text:
        return text
    return _CREDENTIAL_PARAMETER.sub(r"\1REDACTED", _USER_INFO.sub("REDACTED@", text))
