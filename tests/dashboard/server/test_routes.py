"""The page's socket and the static files, through the app's own interface (ASGI) on one event loop and without a network."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from starlette.applications import Starlette

from dashboard.charts.all import CHARTS, CLOSER
from dashboard.server import requests as requests_module
from dashboard.server import routes as routes_module
from dashboard.server.hub import Hub
from dashboard.server.routes import WEB, routes, web_address
from dashboard.wire import connection as connection_module
from dashboard.wire import rate as rate_module
from dashboard.wire.rate import Rate
from tests.dashboard.server.clients import TINY, Clock, Inline, strict

WAIT_S = 20.0
"""After so long a message that was waited for is missing. Nothing waits that long when all is well."""

HOST = "127.0.0.1:8501"
OWN_FILES = sorted(path.relative_to(WEB).as_posix() for path in WEB.rglob("*") if path.suffix in (".js", ".css"))


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Socket:
    """A browser's end of a socket."""

    def __init__(self, app: Starlette, token: str, headers: dict[str, str], screen: str = "live") -> None:
        self._to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._from_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        scope = {
            "type": "websocket",
            "path": f"/maml/{screen}",
            "raw_path": f"/maml/{screen}".encode(),
            "root_path": "",
            "query_string": f"token={token}".encode(),
            "headers": raw({"host": HOST, **headers}),
            "subprotocols": [],
        }
        self._to_app.put_nowait({"type": "websocket.connect"})

        self.stops_reading = self.is_lost = False

        async def put(message: Any) -> None:
            if self.is_lost and message["type"] != "websocket.accept":
                raise RuntimeError("the server has no handshake to go on with")
            while self.stops_reading:
                await asyncio.sleep(0)
            self._from_app.put_nowait(message)

        self.task = asyncio.ensure_future(app(scope, self._to_app.get, put))  # type: ignore[arg-type]

    def send(self, **received: Any) -> None:
        self._to_app.put_nowait({"type": "websocket.receive", **received})

    def say(self, type: str, **fields: Any) -> None:
        self.send(text=json.dumps({"type": type, **fields}))

    def hello(self, **fields: Any) -> Socket:
        self.say("hello", **{"resume": "", "released": False, **fields})
        return self

    def hang_up(self) -> None:
        self._to_app.put_nowait({"type": "websocket.disconnect", "code": 1001})

    async def next(self) -> dict[str, Any]:
        """The next message; a frame is its header."""
        async with asyncio.timeout(WAIT_S):
            getting = asyncio.ensure_future(self._from_app.get())
            await asyncio.wait({getting, self.task}, return_when=asyncio.FIRST_COMPLETED)
            if not getting.done():
                getting.cancel()
                self.task.result()
                raise AssertionError("the socket ended")
            return self._read(getting.result())

    async def until(self, kind: str) -> dict[str, Any]:
        """The next message of a kind."""
        while True:
            message = await self.next()
            if message["type"] == kind:
                return message

    def waiting(self) -> list[dict[str, Any]]:
        """What has come and was not looked at."""
        return [self._read(self._from_app.get_nowait()) for _ in range(self._from_app.qsize())]

    def _read(self, message: dict[str, Any]) -> dict[str, Any]:
        if message["type"] != "websocket.send":
            return message
        if message.get("text") is not None:
            return strict(message["text"])
        frame: bytes = message["bytes"]
        return {"type": "frame", **strict(frame[4 : 4 + int.from_bytes(frame[:4], "little")].decode())}


async def got(app: Starlette, path: str, **headers: str) -> Reply:
    """What an app answers to a GET."""
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": raw({"host": HOST, **{name.replace("_", "-"): value for name, value in headers.items()}}),
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *bodies = sent
    received = {name.decode(): value.decode() for name, value in start["headers"]}
    return Reply(start["status"], received, b"".join(part.get("body", b"") for part in bodies))


class Server:
    def __init__(self, app: Starlette, hub: Hub) -> None:
        self.app = app
        self.hub = hub
        self._sockets: list[Socket] = []

    def socket(self, token: str | None = None, screen: str = "live", **headers: str) -> Socket:
        """A socket to a page; without a token, to a new one."""
        socket = Socket(self.app, self.hub.open_page(TINY) if token is None else token, headers, screen)
        self._sockets.append(socket)
        return socket

    async def opened(self, token: str | None = None, **headers: str) -> Socket:
        """A socket that has seen outer step 0."""
        socket = self.socket(token, **headers).hello()
        await socket.until("frame")
        return socket

    async def get(self, path: str, **headers: str) -> Reply:
        return await got(self.app, path, **headers)

    async def break_off(self, socket: Socket) -> None:
        """End a socket that would not hear that the browser hangs up."""
        self._sockets.remove(socket)
        socket.task.cancel()
        await asyncio.gather(socket.task, return_exceptions=True)

    async def close(self) -> None:
        for socket in self._sockets:
            socket.hang_up()
        await asyncio.gather(*(socket.task for socket in self._sockets))


def raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def serve(scene: Callable[[Server], Awaitable[None]]) -> None:
    """Play a scene with a server whose hub turns while it is up."""

    async def play() -> None:
        hub = Hub(Inline(), clock=Clock())

        @contextlib.asynccontextmanager
        async def lifespan(_app: Starlette) -> AsyncIterator[None]:
            turning = asyncio.create_task(hub.run())
            yield
            assert not turning.done(), "the hub ended"
            turning.cancel()
            await asyncio.gather(turning, return_exceptions=True)

        app = Starlette(routes=routes(hub), lifespan=lifespan)
        async with app.router.lifespan_context(app):
            server = Server(app, hub)
            await scene(server)
            await server.close()

    asyncio.run(play())


def get(path: str, **headers: str) -> Reply:
    replies = []

    async def scene(server: Server) -> None:
        replies.append(await server.get(path, **headers))

    serve(scene)
    return replies[0]


class TestStatic:
    @pytest.mark.parametrize("name", OWN_FILES)
    def test_every_file_of_the_component_is_served_as_it_is(self, name: str):
        reply = get(f"/maml/web/{name}")
        assert (reply.status, reply.body) == (200, (WEB / name).read_bytes())

    @pytest.mark.parametrize(("name", "media"), [("live/page.js", "text/javascript"), ("common/style.css", "text/css")])
    def test_files_say_what_they_are(self, name: str, media: str):
        assert get(f"/maml/web/{name}").headers["content-type"] == f"{media}; charset=utf-8"

    @pytest.mark.parametrize("name", ["live/page.js", "plotly/plotly.min.js"])
    def test_files_are_compressed_for_who_can_read_it(self, name: str):
        plain, packed = get(f"/maml/web/{name}"), get(f"/maml/web/{name}", accept_encoding="gzip, br")
        assert packed.headers["content-encoding"] == "gzip"
        assert len(packed.body) < 0.5 * len(plain.body)
        assert gzip.decompress(packed.body) == plain.body

    def test_files_are_plain_for_who_cannot(self):
        reply = get("/maml/web/live/page.js", accept_encoding="identity")
        assert "content-encoding" not in reply.headers

    def test_the_length_is_that_of_what_is_sent(self):
        reply = get("/maml/web/live/page.js", accept_encoding="gzip")
        assert int(reply.headers["content-length"]) == len(reply.body)

    def test_caches_keep_both_kinds_apart(self):
        assert get("/maml/web/live/page.js").headers["vary"] == "Accept-Encoding"

    def test_what_the_browser_has_is_not_sent_again(self):
        tag = get("/maml/web/live/page.js").headers["etag"]
        reply = get("/maml/web/live/page.js", if_none_match=tag)
        assert (reply.status, reply.body, reply.headers["etag"]) == (304, b"", tag)

    def test_another_version_is_sent(self):
        assert get("/maml/web/live/page.js", if_none_match='"live/page.js-1"').status == 200

    def test_an_edited_file_has_another_tag(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        path = tmp_path / "page.js"
        monkeypatch.setitem(routes_module.OWN_FILES, "live/page.js", path)
        replies = []
        for second, text in enumerate(("let old;", "let new_;")):
            path.write_text(text)
            os.utime(path, (second, second))
            replies.append(get("/maml/web/live/page.js", accept_encoding="gzip"))
        assert replies[0].headers["etag"] != replies[1].headers["etag"]
        assert gzip.decompress(replies[1].body) == b"let new_;"

    def test_a_file_is_compressed_once_however_many_there_are(self, monkeypatch: pytest.MonkeyPatch):
        routes_module._compressed.cache_clear()
        compressed: list[int] = []

        def counted(body: bytes, compresslevel: int) -> bytes:
            compressed.append(len(body))
            return body

        monkeypatch.setattr(routes_module.gzip, "compress", counted)
        for _ in range(2):
            for name in OWN_FILES:
                get(f"/maml/web/{name}", accept_encoding="gzip")
        routes_module._compressed.cache_clear()
        assert len(compressed) == len(OWN_FILES)

    def test_files_of_different_names_have_different_tags(self):
        assert len({get(f"/maml/web/{name}").headers["etag"] for name in OWN_FILES}) == len(OWN_FILES)

    @pytest.mark.parametrize("name", OWN_FILES)
    def test_our_files_are_asked_for_each_time(self, name: str):
        assert get(f"/maml/web/{name}").headers["cache-control"] == "no-cache"

    @pytest.mark.parametrize("name", ["live/page.js", "common/style.css", "plotly/plotly.min.js"])
    def test_at_the_address_of_their_version_they_are_kept(self, name: str):
        kept = get(f"/{web_address()}/{name}")
        assert kept.body == get(f"/maml/web/{name}").body
        assert "immutable" in kept.headers["cache-control"]

    @pytest.mark.parametrize(
        "name",
        [
            "nothing.js",
            "",
            ".",
            "..",
            "__init__.py",
            "../run.py",
            "../../app.py",
            "..\\routes.py",
            "live/page.js\0",
            "live/PAGE.JS",
        ],
    )
    def test_anything_else_is_not_found(self, name: str):
        assert get(f"/maml/web/{name}").status == 404

    def test_an_absolute_path_is_not_found(self):
        assert get(f"/maml/web/{WEB / 'live' / 'page.js'}").status == 404


class TestOpening:
    def test_a_page_is_welcomed_and_shown_outer_step_0(self):
        async def scene(server: Server) -> None:
            socket = server.socket().hello()
            kinds = [(await socket.next())["type"]]
            while kinds[-1] != "frame":
                kinds.append((await socket.next())["type"])
            assert kinds[:2] == ["websocket.accept", "welcome"]
            assert kinds.index("figures") < kinds.index("frame")
            assert kinds.index("state") < kinds.index("frame")

        serve(scene)

    def test_figures_come_for_both_palettes(self):
        async def scene(server: Server) -> None:
            figures = await server.socket().hello().until("figures")
            on_the_page = {chart.id for chart in CHARTS if chart not in CLOSER}  # none of those is open yet
            assert figures["light"].keys() == figures["dark"].keys() == on_the_page

        serve(scene)

    def test_nothing_is_told_before_the_hello(self):
        async def scene(server: Server) -> None:
            socket = server.socket()
            assert (await socket.next())["type"] == "websocket.accept"
            await asyncio.sleep(0)
            assert socket.waiting() == []

        serve(scene)

    def test_a_page_that_the_server_does_not_know_is_gone(self):
        async def scene(server: Server) -> None:
            socket = server.socket("a token of the server before").hello()
            assert (await socket.next())["type"] == "websocket.accept"
            assert await socket.next() == {"type": "gone"}
            closed = await socket.next()
            assert (closed["type"], closed["code"]) == ("websocket.close", 4404)
            await socket.task

        serve(scene)

    def test_a_socket_that_ends_before_its_hello_harms_nobody(self):
        async def scene(server: Server) -> None:
            token = server.hub.open_page(TINY)
            socket = server.socket(token)
            socket.hang_up()
            await socket.task
            assert server.hub.knows(token)

        serve(scene)

    @pytest.mark.parametrize("origin", [f"http://{HOST}", "http://elsewhere.example"])
    def test_a_socket_that_is_told_to_end_may_have_gone_already(self, origin: str):
        async def scene(server: Server) -> None:
            socket = server.socket("a token of the server before", origin=origin)
            socket.is_lost = True
            await socket.hello().task

        serve(scene)

    def test_a_reload_takes_its_run_over(self):
        async def scene(server: Server) -> None:
            old = server.socket().hello()
            key = (await old.until("welcome"))["run_key"]
            await old.until("frame")
            old.say("outer_step")
            while (await old.until("frame"))["step"] != 1:
                pass
            old.hang_up()
            await old.task
            new = server.socket().hello(resume=key)
            assert (await new.until("welcome"))["run_key"] == key
            assert (await new.until("state"))["step"] == 1

        serve(scene)


class TestOrigin:
    @pytest.mark.parametrize("origin", [f"http://{HOST}", f"https://{HOST}"])
    def test_the_servers_own_page_may_connect(self, origin: str):
        async def scene(server: Server) -> None:
            await server.socket(origin=origin).hello().until("welcome")

        serve(scene)

    def test_a_program_without_an_origin_may_connect(self):
        async def scene(server: Server) -> None:
            await server.socket().hello().until("welcome")

        serve(scene)

    @pytest.mark.parametrize(
        "origin",
        [
            "http://elsewhere.example",
            "http://127.0.0.1",
            "http://127.0.0.1:8502",
            f"http://elsewhere.example#{HOST}",
            f"http://{HOST}.elsewhere.example",
            f"http://elsewhere.example://{HOST}",
            f"http://name@{HOST}",
            f"http://{HOST}/",
            "null",
            "",
            HOST,
            "http://",
            "http://[",
            "://",
        ],
    )
    def test_any_other_page_may_not(self, origin: str):
        async def scene(server: Server) -> None:
            socket = server.socket(origin=origin).hello()
            assert (await socket.next())["type"] == "websocket.accept"
            closed = await socket.next()
            assert (closed["type"], closed["code"]) == ("websocket.close", 4403)

        serve(scene)

    def test_a_page_may_that_streamlits_own_socket_has_let_in(self):
        """Behind a proxy that does not pass on for which host a request was."""

        async def scene(server: Server) -> None:
            server.hub.origins.add("https://class.example")
            await server.socket(origin="https://class.example").hello().until("welcome")

        serve(scene)

    def test_whoever_comes_by_a_proxy_shares_the_server(self):
        async def scene(server: Server) -> None:
            server.hub.origins.add("https://class.example")
            own, other = server.hub.open_page(TINY), server.hub.open_page(TINY)
            await server.socket(own).hello().until("welcome")
            await server.socket(other, origin="https://class.example").hello().until("welcome")
            assert [server.hub.pages.get(token).is_shared for token in (own, other)] == [False, True]

        serve(scene)

    def test_a_refused_page_does_not_take_over(self):
        async def scene(server: Server) -> None:
            token = server.hub.open_page(TINY)
            socket = await server.opened(token)
            await server.socket(token, origin="http://elsewhere.example").hello().until("websocket.close")
            socket.say("outer_step")
            assert (await socket.until("frame"))["step"] == 1

        serve(scene)


def let_ask(monkeypatch: pytest.MonkeyPatch, burst: float) -> None:
    """Let each page ask for this much, and then for nothing more."""
    monkeypatch.setattr(requests_module, "Rate", lambda: Rate(per_s=1e-6, burst=burst))


class TestFlood:
    def test_a_page_that_asks_for_more_than_it_may_waits(self, monkeypatch: pytest.MonkeyPatch):
        """The rest is read only once it may be asked for: what a page sends meanwhile waits on its own machine."""
        let_ask(monkeypatch, 10.0)

        async def scene(server: Server) -> None:
            socket = await server.opened()
            taken = 0
            for number in range(1, 31):
                socket.say("speed", steps_per_s=1, request=number)
            for _ in range(200):
                await asyncio.sleep(0)
                said = [message for message in socket.waiting() if message["type"] == "taken"]
                taken = max([taken, *(message["request"] for message in said)])
            assert taken == 10
            await server.break_off(socket)

        serve(scene)

    def test_who_never_stops_asking_is_cut_off(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(rate_module, "FLOODING_S", -1.0)
        let_ask(monkeypatch, 5.0)

        async def scene(server: Server) -> None:
            token = server.hub.open_page(TINY)
            socket = await server.opened(token)
            for _ in range(6):
                socket.say("speed", steps_per_s=1)
            closed = await socket.until("websocket.close")
            assert (closed["code"], closed["reason"]) == (4429, "this page asks for too much")
            await socket.task
            rate = server.hub.rates.of(token)
            assert rate is not None
            assert rate.seconds_out(time.monotonic()) > 0.0

        serve(scene)

    def test_who_does_not_read_is_cut_off(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(connection_module, "MAX_WAITING", 3_000_000)

        async def scene(server: Server) -> None:
            socket = server.socket().hello()
            await socket.until("welcome")
            socket.stops_reading = True
            page = next(page for page in server.hub.pages.all() if page.connected)
            while page.connected:
                page.put({"type": "error", "message": "x" * 500_000})
                await asyncio.sleep(0)
            socket.stops_reading = False
            assert (await socket.until("websocket.close"))["code"] == 4408

        serve(scene)


class TestMessages:
    @pytest.mark.parametrize(
        "received",
        [
            {"bytes": b"\0\1\2"},
            {"bytes": b'{"type":"play"}'},
            {"text": ""},
            {"text": "{"},
            {"text": "3"},
            {"text": "null"},
            {"text": '["play"]'},
            {"text": "9" * 10_000},
            {"text": '{"type":"dance"}'},
            {"text": '{"type":{"a":1}}'},
            {"text": '{"type":"set"}'},
            {"text": '{"type":"set","changes":3}'},
            {"text": '{"type":"set","changes":{"alpha":NaN}}'},
            {"text": '{"type":"set","changes":{"alpha":1e999}}'},
            {"text": '{"type":"set","changes":{"\\ud800":1}}'},
            {"text": '{"type":"run_until","step":-1}'},
            {"text": '{"type":"speed","steps_per_s":"fast"}'},
            {"text": '{"type":"task","amplitude":1e99,"phase_rad":0}'},
            {"text": json.dumps({"type": "play", "more": "x" * 800_000})},
            {"text": "[" * 9_000 + "]" * 9_000},
        ],
        ids=lambda received: str(next(iter(received.values())))[:40],
    )
    def test_what_is_not_understood_is_answered_and_the_socket_lives_on(self, received: dict[str, Any]):
        async def scene(server: Server) -> None:
            socket = await server.opened()
            socket.send(**received)
            assert (await socket.until("error"))["message"].endswith((".", "page."))
            socket.say("outer_step")
            assert (await socket.until("frame"))["step"] == 1

        serve(scene)

    @pytest.mark.parametrize(
        "text",
        ['{"type":"set","changes":{"alpha":%s}}', '{"type":"set","changes":%s}', '{"type":%s}'],
        ids=["a value", "the changes", "the kind"],
    )
    def test_a_message_of_any_depth_is_answered(self, text: str):
        # Also those that are just shallow enough to be read, and too deep for a sentence about them.
        async def scene(server: Server) -> None:
            socket = await server.opened()
            for depth in (*range(700, 1000), 3_000, 6_000, 9_000):
                socket.send(text=text % ("[" * depth + "]" * depth))
                await socket.until("error")

        serve(scene)

    def test_a_message_is_obeyed(self):
        async def scene(server: Server) -> None:
            socket = await server.opened()
            socket.say("set", changes={"alpha": 0.5}, id=3)
            state = await socket.until("state")
            frame = await socket.until("frame")
            assert (state["config"]["alpha"], frame["change"]) == (0.5, 3)

        serve(scene)

    def test_a_refused_value_is_named_and_leaves_the_run(self):
        async def scene(server: Server) -> None:
            token = server.hub.open_page(TINY)
            socket = await server.opened(token)
            socket.say("set", changes={"alpha": -101})
            message = (await socket.until("error"))["message"]
            assert message.startswith("α (inner step size) = −101 is not accepted")
            assert "from −100 to 100" in message
            assert server.hub.config(token) == TINY

        serve(scene)


class TestSecondSocket:
    def test_it_takes_over(self):
        async def scene(server: Server) -> None:
            token = server.hub.open_page(TINY)
            old = await server.opened(token)
            new = await server.opened(token)
            old.waiting()
            new.say("outer_step")
            assert (await new.until("frame"))["step"] == 1
            assert old.waiting() == []

        serve(scene)

    def test_the_end_of_the_first_does_not_end_the_page(self):
        async def scene(server: Server) -> None:
            token = server.hub.open_page(TINY)
            old = await server.opened(token)
            new = await server.opened(token)
            old.hang_up()
            await old.task
            new.say("outer_step")
            assert (await new.until("frame"))["step"] == 1

        serve(scene)

    def test_after_a_break_it_is_told_everything_again(self):
        async def scene(server: Server) -> None:
            token = server.hub.open_page(TINY)
            old = await server.opened(token)
            old.hang_up()
            await old.task
            new = server.socket(token).hello()
            await new.until("figures")
            frame = await new.until("frame")
            assert {chart for chart, *_ in frame["arrays"]} == {"loss", "fit", "adaptation", "path", "gauge"}

        serve(scene)


class TestTwoPagesOfOneRun:
    def test_two_sockets_watch_it_and_either_may_leave(self):
        async def scene(server: Server) -> None:
            token = server.hub.open_page(TINY)
            sockets = [server.socket(page).hello() for page in (token, server.hub.open_beside(token))]
            welcomes = [await socket.until("welcome") for socket in sockets]
            assert welcomes[0]["run_key"] == welcomes[1]["run_key"]
            assert welcomes[0]["tab"] != welcomes[1]["tab"]
            for socket in sockets:
                assert (await socket.until("frame"))["step"] == 0
            sockets[0].say("outer_step")
            for socket in sockets:
                while (frame := await socket.until("frame"))["step"] == 0:
                    socket.say("ack", frame=frame["frame"])
                assert frame["step"] == 1
            sockets[0].hang_up()
            await sockets[0].task
            sockets[1].say("ack", frame=frame["frame"])
            sockets[1].say("outer_step")
            while (frame := await sockets[1].until("frame"))["step"] == 1:
                sockets[1].say("ack", frame=frame["frame"])
            assert frame["step"] == 2

        serve(scene)


class TestPing:
    @pytest.mark.parametrize("screen", ["live", "sweeps", "lessons"])
    def test_a_word_is_given_to_whoever_asks_for_one_and_nothing_else_is_done(self, screen: str):
        async def scene(server: Server) -> None:
            socket = server.socket(screen=screen).hello()
            await socket.until("taken")
            (page,) = server.hub.pages.all()
            page.touched_at = before = -1.0
            socket.say("ping")
            assert await socket.until("pong") == {"type": "pong"}
            assert page.touched_at == before  # nobody has asked for anything

        serve(scene)


class TestRequests:
    def test_what_a_lost_socket_may_have_delivered_is_sent_again_and_obeyed_once(self):
        async def scene(server: Server) -> None:
            token = server.hub.open_page(TINY)
            first = server.socket(token).hello(sender="page")
            assert await first.until("taken") == {"type": "taken", "request": 0}
            first.say("outer_step", request=1)
            assert await first.until("taken") == {"type": "taken", "request": 1}
            first.say("outer_step", request=2)  # whose answer does not come back
            first.hang_up()
            await first.task
            second = server.socket(token).hello(sender="page")
            assert await second.until("taken") == {"type": "taken", "request": 2}
            second.say("outer_step", request=2)
            second.say("outer_step", request=3)
            while (step := (await second.until("frame"))["step"]) < 3:
                second.say("ack", frame=step + 1)
            assert server.hub.step(token) == 3

        serve(scene)

    def test_a_page_is_told_how_its_run_stands_before_it_sends_what_waits(self):
        async def scene(server: Server) -> None:
            socket = server.socket().hello(sender="page")
            kinds = []
            while kinds[-1:] != ["taken"]:
                kinds.append((await socket.next())["type"])
            assert kinds[:3] == ["websocket.accept", "welcome", "state"]

        serve(scene)
