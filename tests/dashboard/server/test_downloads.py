"""A download keeps the name that the page gives it, in the response of the server that sends it."""

from __future__ import annotations

import asyncio
import contextlib
from email.message import Message

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from streamlit.runtime.media_file_storage import MediaFileKind
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.web.server.starlette.starlette_routes import create_media_routes

from maml_core.errors import ConfigError
from maml_core.store.runs import check_name
from tests.dashboard.server.test_routes import got

STORAGE = MemoryMediaFileStorage("/media")
SERVER = Starlette(routes=create_media_routes(STORAGE, None))
"""The routes that Streamlit's server mounts, with the files of its download buttons."""


def named_by_the_server(name: str) -> str | None:
    """What a browser calls the file, by the header of the response."""
    file = STORAGE.load_and_get_id(b"a,b\n", "text/csv", MediaFileKind.DOWNLOADABLE, name)
    reply = asyncio.run(got(SERVER, STORAGE.get_url(file)))
    assert (reply.status, reply.body) == (200, b"a,b\n")
    sent = reply.headers["content-disposition"]
    assert sent.isascii()
    assert sent.isprintable()
    assert sent.startswith("attachment;")
    head = Message()
    head["Content-Disposition"] = sent
    return head.get_filename()


@pytest.mark.parametrize(
    "name",
    ['a "quoted" one', "it's", "a\\b", "two\nlines", "a\r\nSet-Cookie: x=1", "größe", "学习 2", "alpha; β=1", "%41"],
)
def test_names_that_headers_trip_over(name: str) -> None:
    assert named_by_the_server(f"{name}.csv") == f"{name}.csv"


@settings(deadline=None)
@given(st.text(min_size=1, max_size=80))
@example("名" * 66)
@example("a" * 80)
@example("_" * 40 + "θ_0")
def test_every_name_that_a_run_can_have(name: str) -> None:
    with contextlib.suppress(ConfigError):  # a folder that somebody else made may be called anything
        name = check_name(name)
    for ending in ("csv", "zip", "py"):
        assert named_by_the_server(f"{name}.{ending}") == f"{name}.{ending}"
