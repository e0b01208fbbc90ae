"""Files that somebody sends are counted while they are read."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler

LIST_BYTES = 20_000_000  # bytes of one list of products or stock
MOST = 25_000_000  # bytes of all files of one request; each page says its own, smaller bound in words


class BoundedUploads(FileUploadHandler):
    """Stands first in FILE_UPLOAD_HANDLERS; over the bound the request ends with 400, and nothing of it is kept."""

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self._bytes = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Hand the piece on. Raises RequestDataTooBig."""
        self._bytes += len(raw_data)
        if self._bytes > MOST:
            raise RequestDataTooBig
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None
