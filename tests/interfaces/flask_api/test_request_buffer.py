"""`RequestBuffer` finds the end of a request, however its bytes arrive."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_retail_flask.request_buffer import MAX_HEAD_BYTES, RequestBuffer

GET = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\ncontent-length: 5\r\n\r\nhello"
CHUNKED_HEAD = b"POST /v1/events HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
REQUESTS = (
    GET,
    POST,
    CHUNKED_HEAD + b"5\r\nhello\r\n0\r\n\r\n",
    CHUNKED_HEAD + b"5;name=value\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n",
    CHUNKED_HEAD + b"0\r\n\r\n",
)


@given(st.sampled_from(REQUESTS), st.lists(st.integers(0, 200), max_size=8))
def test_request_is_complete_with_its_last_byte_and_not_before(request: bytes, cuts: list[int]) -> None:
    buffer = RequestBuffer(max_body=100)
    bounds = sorted({0, len(request) - 1, *(cut for cut in cuts if cut < len(request) - 1)})
    for start, end in pairwise(bounds):
        buffer.feed(request[start:end])
        assert not buffer.is_complete
    buffer.feed(request[-1:])
    assert buffer.is_complete
    assert buffer.violation is None
    assert bytes(buffer.data) == request


def test_bytes_after_a_complete_request_belong_to_the_next_one() -> None:
    buffer = RequestBuffer(max_body=100)
    buffer.feed(POST + GET[:10])
    assert buffer.is_complete


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n", 413),
        (CHUNKED_HEAD + b"65\r\n", 413),
        (CHUNKED_HEAD + b"xyz\r\n", 400),
        (CHUNKED_HEAD + b"-1\r\n", 400),
        (CHUNKED_HEAD + b"\r\n", 400),
        (CHUNKED_HEAD + b"2\r\nhello\r\n", 400),
        (CHUNKED_HEAD + b"1" * 5_000, 400),
        (b"GET /" + b"x" * MAX_HEAD_BYTES, 431),
        (CHUNKED_HEAD + b"0\r\nTrailer: " + b"x" * MAX_HEAD_BYTES, 431),
    ],
)
def test_request_that_cannot_be_accepted_is_detected_early(request_bytes: bytes, status: int) -> None:
    buffer = RequestBuffer(max_body=100)
    buffer.feed(request_bytes)
    assert buffer.violation is not None
    assert buffer.violation.status == status
    assert not buffer.is_complete


def test_sum_of_chunks_is_bounded() -> None:
    buffer = RequestBuffer(max_body=50_000)
    buffer.feed(CHUNKED_HEAD)
    for _ in range(200):
        buffer.feed(b"3e8\r\n" + bytes(1000) + b"\r\n")
    assert buffer.violation is not None
    assert buffer.violation.status == 413


def test_expected_continue_is_reported_while_the_body_is_missing() -> None:
    head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    buffer = RequestBuffer(max_body=100)
    buffer.feed(head)
    assert buffer.expects_continue
    complete = RequestBuffer(max_body=100)
    complete.feed(head + b"hello")
    assert not complete.expects_continue
