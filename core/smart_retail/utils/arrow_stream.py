"""Rows that are produced one block at a time, as a stream that DuckDB reads without holding the blocks before.

The stream follows the Arrow C stream interface (https://arrow.apache.org/docs/format/CStreamInterface.html) and needs
no Arrow library: the structures are those of the specification, their buffers are NumPy arrays.
"""

from __future__ import annotations

import ctypes
import errno
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from ctypes import (
    CFUNCTYPE,
    POINTER,
    PYFUNCTYPE,
    Structure,
    c_char_p,
    c_int,
    c_int64,
    c_void_p,
    py_object,
    pythonapi,
)
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FORMATS: Final = {"VARCHAR": b"U", "BOOLEAN": b"b", "INTEGER": b"i", "DOUBLE": b"g"}
"""Type of a column as DuckDB names it -> format of the Arrow C data interface (text with offsets of 64 bits)."""


class _Schema(Structure):
    """`struct ArrowSchema`: the names and types of columns."""


class _Array(Structure):
    """`struct ArrowArray`: the values of one block."""


class _Stream(Structure):
    """`struct ArrowArrayStream`: the functions by which a reader requests the schema and one block after another."""


_ReleaseSchema = CFUNCTYPE(None, POINTER(_Schema))
_ReleaseArray = CFUNCTYPE(None, POINTER(_Array))
_ReleaseStream = CFUNCTYPE(None, POINTER(_Stream))
_GetSchema = CFUNCTYPE(c_int, POINTER(_Stream), POINTER(_Schema))
_GetNext = CFUNCTYPE(c_int, POINTER(_Stream), POINTER(_Array))
_GetLastError = CFUNCTYPE(c_void_p, POINTER(_Stream))

_Schema._fields_ = [
    ("format", c_char_p),
    ("name", c_char_p),
    ("metadata", c_char_p),
    ("flags", c_int64),
    ("n_children", c_int64),
    ("children", POINTER(POINTER(_Schema))),
    ("dictionary", POINTER(_Schema)),
    ("release", _ReleaseSchema),
    ("private_data", c_void_p),
]
_Array._fields_ = [
    ("length", c_int64),
    ("null_count", c_int64),
    ("offset", c_int64),
    ("n_buffers", c_int64),
    ("n_children", c_int64),
    ("buffers", POINTER(c_void_p)),
    ("children", POINTER(POINTER(_Array))),
    ("dictionary", POINTER(_Array)),
    ("release", _ReleaseArray),
    ("private_data", c_void_p),
]
_Stream._fields_ = [
    ("get_schema", _GetSchema),
    ("get_next", _GetNext),
    ("get_last_error", _GetLastError),
    ("release", _ReleaseStream),
    ("private_data", c_void_p),
]

_owned_by_reader: Final[dict[int, Any]] = {}
"""Number in `private_data` of a structure that its reader has not released -> the Python objects it points to."""
_numbers: Final = itertools.count(1)

_CAPSULE_NAME: Final = b"arrow_array_stream"
_Destructor = PYFUNCTYPE(None, c_void_p)
_new_capsule: Final = PYFUNCTYPE(py_object, c_void_p, c_char_p, _Destructor)(("PyCapsule_New", pythonapi))
_capsule_pointer: Final = PYFUNCTYPE(c_void_p, c_void_p, c_char_p)(("PyCapsule_GetPointer", pythonapi))
_streams: Final[dict[int, _Stream]] = {}
"""Address of the stream in each capsule that exists -> the stream."""


class BlockStream:
    """Blocks of rows for one query: ``connection.register("name", stream)``, then one ``SELECT`` from the name.

    DuckDB requests the next block when it has processed the one before. What `blocks` raises ends the query with an
    error of DuckDB; the exception itself is in `error`.

    Parameters
    ----------
    columns : mapping
        Name -> type of each column as DuckDB names it, one of `FORMATS`.
    blocks : iterable of sequence of rows
        Rows have one value per column, none of which is None; a block may be empty.
    """

    def __init__(self, columns: Mapping[str, str], blocks: Iterable[Sequence[tuple[Any, ...]]]) -> None:
        self._columns = dict(columns)
        self._blocks = iter(blocks)
        self._message: Any = None
        self.error: BaseException | None = None
        """What was raised while a block was produced."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return a capsule with the stream, by Arrow's protocol for Python; all capsules share the blocks."""
        stream = _Stream(_get_schema, _get_next, _get_last_error, _release_stream, _keep(self))
        _streams[ctypes.addressof(stream)] = stream
        return _new_capsule(ctypes.addressof(stream), _CAPSULE_NAME, _free_stream)

    def fail(self, error: BaseException) -> None:
        """Store an error and its message for the reader."""
        self.error = error
        self._message = ctypes.create_string_buffer(f"{type(error).__name__}: {error}".encode(errors="replace"))

    def message_address(self) -> int | None:
        """Return the address of the message of the last error; None without an error."""
        return ctypes.addressof(self._message) if self._message is not None else None

    def write_schema(self, schema: Structure) -> None:
        """Fill an `ArrowSchema` with the names and types of the columns."""
        children = [
            _Schema(FORMATS[kind], name.encode(), release=_release_schema) for name, kind in self._columns.items()
        ]
        _write_struct(schema, children, format=b"+s", name=b"", release=_release_schema)

    def write_next(self, array: Structure) -> None:
        """Fill an `ArrowArray` with the next block, or mark it as released after the last one."""
        rows = next((block for block in self._blocks if block), None)
        if rows is None:
            array.release = _ReleaseArray()
            return
        kinds = self._columns.values()
        data = [_column_data(kind, values) for kind, values in zip(kinds, zip(*rows, strict=True), strict=True)]
        children = [_column_array(len(rows), buffers) for buffers in data]
        no_nulls = (c_void_p * 1)(None)
        _write_struct(array, children, length=len(rows), n_buffers=1, buffers=no_nulls, release=_release_array)


def _column_data(kind: str, values: Sequence[Any]) -> list[NDArray[Any]]:
    """Return the buffers of one column: for texts their offsets and their UTF-8 bytes, for other types the values."""
    if kind == "VARCHAR":
        texts = [value.encode() for value in values]
        offsets = np.zeros(len(texts) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)), out=offsets[1:])
        return [offsets, np.frombuffer(b"".join(texts) or b"\0", np.uint8)]
    if kind == "BOOLEAN":
        return [np.packbits(np.fromiter(values, np.bool_, len(values)), bitorder="little")]
    return [np.fromiter(values, np.int32 if kind == "INTEGER" else np.float64, len(values))]


def _column_array(length: int, data: Sequence[NDArray[Any]]) -> _Array:
    buffers = (c_void_p * (len(data) + 1))(None, *(buffer.ctypes.data for buffer in data))  # None: no value is null
    array = _Array(length=length, n_buffers=len(buffers), buffers=buffers, release=_release_array)
    array.private_data = _keep(data, buffers)
    return array


def _write_struct(structure: Structure, children: Sequence[Structure], **fields: Any) -> None:
    """Fill a schema or an array of several columns in the memory of its reader."""
    kind = type(structure)
    pointers = (POINTER(kind) * len(children))(*map(ctypes.pointer, children))
    ctypes.pointer(structure)[0] = kind(
        n_children=len(children), children=pointers, private_data=_keep(children, pointers), **fields
    )


def _keep(*objects: Any) -> int:
    number = next(_numbers)
    _owned_by_reader[number] = objects
    return number


def _release(pointer: Any) -> None:
    """Release a structure and those of its columns that the reader has not moved elsewhere."""
    structure = pointer.contents
    for child in () if isinstance(structure, _Stream) else structure.children[: structure.n_children]:
        if child.contents.release:
            child.contents.release(child)
    _owned_by_reader.pop(structure.private_data, None)
    structure.release = type(structure.release)()


def _free(capsule: int) -> None:
    """Free the stream of a capsule, and release it if no reader did."""
    stream = _streams.pop(_capsule_pointer(capsule, _CAPSULE_NAME))
    if stream.release:
        stream.release(ctypes.pointer(stream))


def _produce(stream: Any, write: Callable[[BlockStream], None]) -> int:
    """Let the Python object of a stream write a structure; return 0 or an error number."""
    source = _source(stream)
    try:
        write(source)
    except BaseException as error:  # exceptions cannot pass through the frames of the reader
        source.fail(error)
        return errno.EIO
    return 0


def _source(stream: Any) -> BlockStream:
    source: BlockStream = _owned_by_reader[stream.contents.private_data][0]
    return source


# The functions live as long as the module, since readers have their addresses.
_free_stream = _Destructor(_free)
_release_schema, _release_array, _release_stream = (
    f(_release) for f in (_ReleaseSchema, _ReleaseArray, _ReleaseStream)
)
_get_schema = _GetSchema(lambda stream, schema: _produce(stream, lambda source: source.write_schema(schema.contents)))
_get_next = _GetNext(lambda stream, array: _produce(stream, lambda source: source.write_next(array.contents)))
_get_last_error = _GetLastError(lambda stream: _source(stream).message_address())
