"""The web application: one page that takes a file, one that answers with its report."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from lesb_plugin.explain.command import plain_name, write_files
from lesb_plugin.serve.pages import error_page, front_page, with_way_back
from registry import BenchError, DataError, scratch_folder

if TYPE_CHECKING:
    from starlette.types import Message

    from lesb_plugin.explain.explained import Explaining
    from lesb_plugin.serve.config import ServeConfig

__all__ = ["application"]

_HOSTS = ("127.0.0.1", "localhost")
_AROUND = 100_000  # bytes of a form beside its file
_BLOCK = 1_000_000
_HEADERS = {
    "Cache-Control": "no-store",  # the browser keeps nothing either
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def application(explaining: Explaining, config: ServeConfig) -> Starlette:
    """Return the application around a loaded model.

    It answers only to this machine's own names, whatever domain resolves to it.
    """
    one_at_a_time = asyncio.Lock()

    async def front(_request: Request) -> Response:
        page = front_page(explaining.predictor.name, config.max_megabytes)
        return HTMLResponse(page, headers=_HEADERS)

    async def report(request: Request) -> Response:
        _refuse_strangers(request)
        with scratch_folder("serve") as folder:
            file, name = await _received(request, folder, config.most_bytes)
            async with one_at_a_time:
                page = await run_in_threadpool(_report, explaining, file, name, folder)
        return HTMLResponse(page, headers=_HEADERS)

    routes = [Route("/", front), Route("/report", report, methods=["POST"])]
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS, www_redirect=False)
    handlers: dict[Any, Any] = {
        HTTPException: _http_error,
        BenchError: _bench_error,
        Exception: _fault,
    }
    return Starlette(routes=routes, middleware=[hosts], exception_handlers=handlers)


def _refuse_strangers(request: Request) -> None:
    """Raise an HTTPException if the page of another site sent the form."""
    origin = request.headers.get("origin")
    if origin is not None and origin != f"http://{request.headers['host']}":
        raise HTTPException(403, "This form was sent by another page and is not answered.")


# --- the file that comes in ------------------------------------------------------------------


async def _received(request: Request, folder: Path, most: int) -> tuple[Path, str]:
    """Store the file of the form in `folder`; return its path and original name."""
    bounded = Request(request.scope, _bounded(request.receive, most + _AROUND, most))
    _check_size(int(request.headers.get("content-length", 0)) - _AROUND, most)
    async with bounded.form(max_files=1, max_fields=1) as form:
        upload = form.get("file")
        if not isinstance(upload, UploadFile) or not upload.filename:
            raise HTTPException(400, "No file came with the form; choose a photo or a clip.")
        given = Path(upload.filename.replace("\\", "/"))
        # The name is for the report; on the disk the file has one of our own.
        path = folder / f"upload{_suffix(given)}"
        _check_size(upload.size or 0, most)
        with path.open("wb") as file:
            while block := await upload.read(_BLOCK):
                file.write(block)
    return path, plain_name(given.stem) + _suffix(given)


def _suffix(name: Path) -> str:
    """Return the suffix in lower case; nothing if it is not a word."""
    suffix = name.suffix.lower()
    return suffix if suffix[1:].isalnum() and len(suffix) < 10 else ""


def _bounded(
    receive: Callable[[], Awaitable[Message]], limit: int, most: int
) -> Callable[[], Awaitable[Message]]:
    """Wrap `receive` to give up after more than `limit` bytes, whatever was announced."""
    count = 0

    async def bounded() -> Message:
        nonlocal count
        message = await receive()
        count += len(message.get("body", b""))
        _check_size(count - limit + most, most)
        return message

    return bounded


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise HTTPException(
            413,
            f"The file is larger than {most // 1000000:,} MB; for larger files start bench"
            " serve with a higher --max-megabytes.",
        )


# --- the answer ------------------------------------------------------------------------------


def _report(explaining: Explaining, file: Path, name: str, folder: Path) -> str:
    """Return the report of `bench explain`, under the file's original name."""
    with closing(explaining([file])) as found:
        each = next(found, None)
    if each is None:
        raise DataError(f"{name} could not be read as an image or a video")
    named = replace(each, prediction=each.prediction.named(name))
    out = folder / "report"
    out.mkdir()
    entry, _ = write_files(named, explaining, out, "report")
    return with_way_back((out / entry.report).read_text("utf-8"))


def _page(sentence: str, status: int) -> Response:
    return HTMLResponse(error_page(sentence), status, headers=_HEADERS)


async def _http_error(_request: Request, error: HTTPException) -> Response:
    return _page(error.detail, error.status_code)


async def _bench_error(_request: Request, error: Exception) -> Response:
    return _page(str(error), 422)


async def _fault(_request: Request, error: Exception) -> Response:
    return _page(f"Something went wrong ({type(error).__name__}); the terminal shows more.", 500)
