"""The subcommand `bench serve`."""

from __future__ import annotations

import argparse
import importlib.util
import socket
import webbrowser
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from lesb_plugin.serve.config import ServeConfig
from registry import (
    ConfigError,
    check_ready,
    configure_for_detectors,
    given_flags,
    resolve,
    say_above_bar,
    tell,
)

if TYPE_CHECKING:
    from lesb_plugin.explain.explained import Explaining

__all__ = ["check_extra", "configure_serve", "listening", "run_serve"]

HOST = "127.0.0.1"
_PACKAGES = {"starlette": "starlette", "uvicorn": "uvicorn", "python_multipart": "python-multipart"}
_EXAMPLES = """\
examples:
  bench serve --open
  bench serve --port 9000 --detector lesb_roi --max-megabytes 1000

Drop a photo or a clip on the page, and its report appears, the same one that `bench explain`
writes. The model is loaded once. Only programs on this machine can reach the page, and neither the
file nor its report stays on the disk once the answer is sent. Ctrl-C stops the server.

Needs the extra `serve`: pip install 'lesb-plugin[serve]'"""


def configure_serve(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `bench serve`: those of ServeConfig and the chosen detector's own."""
    configure_for_detectors(parser, ServeConfig, "options", _EXAMPLES)


def run_serve(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    config = resolve(ServeConfig, args.config, args.set, given_flags(args, ServeConfig))
    check_extra()
    reals = check_ready(config)
    with closing(listening(config.port)) as server:
        from lesb_plugin.explain.explained import Explaining

        explaining = Explaining(config, reals)
        for note in (*explaining.notes, *explaining.verdict_notes):
            tell(f"note: {note}")
        _serve(explaining, config, server)
    return 0


def check_extra() -> None:
    """Raise a ConfigError if a package of the extra is not installed."""
    missing = [
        name for module, name in _PACKAGES.items() if importlib.util.find_spec(module) is None
    ]
    if missing:
        raise ConfigError(
            f"bench serve needs {', '.join(missing)}: pip install 'lesb-plugin[serve]'"
        )


def listening(port: int) -> socket.socket:
    """Return a socket on 127.0.0.1; ConfigError where the port is taken."""
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((HOST, port))
        server.listen()
    except OSError as error:
        server.close()
        raise ConfigError(
            f"cannot listen on {HOST}:{port}: {error.strerror}; choose another --port, or"
            " --port 0 for any free one"
        ) from error
    return server


def _serve(explaining: Explaining, config: ServeConfig, server: socket.socket) -> None:
    import uvicorn

    from lesb_plugin.serve.app import application

    address = f"http://{HOST}:{server.getsockname()[1]}/"
    say_above_bar(f"drop a photo or a clip at {address} (Ctrl-C ends it)")
    if config.open and not webbrowser.open(address):
        tell(f"note: no browser could be started; open {address}")
    settings = uvicorn.Config(application(explaining, config), log_level="warning", lifespan="off")
    with suppress(KeyboardInterrupt):  # which is how it is ended
        uvicorn.Server(settings).run(sockets=[server])
