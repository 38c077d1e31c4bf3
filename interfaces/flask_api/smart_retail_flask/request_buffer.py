"""Incremental detection of the end of an HTTP/1.1 request, without parsing its content.

The event loop of a worker feeds it with the bytes that arrive, and passes a request to a thread once it is complete.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_HEAD_BYTES = 64_000
"""Request line and header fields together; the limits of gunicorn for each of them are lower."""
_END_OF_HEAD = b"\r\n\r\n"
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*(?=\r\n)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r]*chunked[ \t]*(?=\r\n)", re.IGNORECASE)
_EXPECT_CONTINUE = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*(?=\r\n)", re.IGNORECASE)
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?")
MAX_CHUNK_LINE_BYTES = 4_000


@dataclass(frozen=True, slots=True)
class Violation:
    """Why a request cannot be accepted, as an HTTP status and one sentence."""

    status: int
    detail: str


class RequestBuffer:
    """Bytes of one request, and whether they are complete.

    Parameters
    ----------
    max_body : int
        Maximum size of the body, bytes; a larger one is a violation as soon as it is detected.
    """

    def __init__(self, max_body: int) -> None:
        self.max_body = max_body
        self.data = bytearray()
        self.is_complete = False
        """Whether a thread can read the whole request without waiting."""
        self.violation: Violation | None = None
        self.expects_continue = False
        """Whether the client waits for `100 Continue` before it sends the body."""
        self._scanned = 0
        """Bytes of `data` that need not be examined again."""
        self._body_end: int | None = None
        """Length of a request with a known end; None before the head is complete, or for a chunked body."""
        self._chunked = False

    def feed(self, data: bytes) -> None:
        """Add bytes and update `is_complete` and `violation`."""
        self.data += data
        if self._body_end is None and not self._chunked:
            self._scan_head()
        if self._chunked:
            self._scan_chunks()
        elif self._body_end is not None:
            self.is_complete = len(self.data) >= self._body_end

    def _scan_head(self) -> None:
        end = self.data.find(_END_OF_HEAD, max(0, self._scanned - 3))
        self._scanned = len(self.data)
        if end < 0:
            if len(self.data) > MAX_HEAD_BYTES:
                self.violation = Violation(431, "The request headers are too large.")
            return
        body_start = end + len(_END_OF_HEAD)
        head = bytes(self.data[: end + 2])
        self._scanned = body_start
        if _CHUNKED.search(head):
            self._chunked = True
        else:
            # An invalid or repeated length is left to the HTTP parser, which rejects it.
            lengths = _CONTENT_LENGTH.findall(head)
            length = int(lengths[0]) if len(lengths) == 1 else 0
            if length > self.max_body:
                self._reject_body()
            self._body_end = body_start + length
        self.expects_continue = len(self.data) == body_start and bool(_EXPECT_CONTINUE.search(head))

    def _scan_chunks(self) -> None:
        """Advance over complete chunks; the size line of the last one is 0, then trailers and an empty line follow."""
        while not self.is_complete and self.violation is None:
            line_end = self.data.find(b"\r\n", self._scanned)
            if line_end < 0:
                if len(self.data) - self._scanned > MAX_CHUNK_LINE_BYTES:
                    self._reject_chunk()
                return
            match = _CHUNK_SIZE.fullmatch(self.data[self._scanned : line_end])
            if match is None:
                self._reject_chunk()
                return
            size = int(match[1], 16)
            if size == 0:
                # The empty line may directly follow the size line, so its line break is part of the search.
                self.is_complete = self.data.find(_END_OF_HEAD, line_end) >= 0
                if not self.is_complete and len(self.data) - line_end > MAX_HEAD_BYTES:
                    self.violation = Violation(431, "The trailers of the request are too large.")
                return
            if size > self.max_body or len(self.data) > 2 * self.max_body + MAX_HEAD_BYTES:
                self._reject_body()
                return
            next_line = line_end + 2 + size + 2
            if len(self.data) < next_line:
                return
            if self.data[next_line - 2 : next_line] != b"\r\n":
                self._reject_chunk()
                return
            self._scanned = next_line

    def _reject_chunk(self) -> None:
        self.violation = Violation(400, "The chunked body is malformed.")

    def _reject_body(self) -> None:
        self.violation = Violation(413, "The body is too large.")
