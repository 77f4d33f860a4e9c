"""Evaluation of flag documents in the flagd format: pure, without I/O, shared by the SDK and the server."""

from headgate.evaluator.answer import ErrorCode, Evaluation, Reason
from headgate.evaluator.checking import FlagError, check
from headgate.evaluator.document import Document, DocumentError, compile_document

__all__ = [
    "Document",
    "DocumentError",
    "ErrorCode",
    "Evaluation",
    "FlagError",
    "Reason",
    "check",
    "compile_document",
]
