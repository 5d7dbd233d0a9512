"""`protocol.js`, one of both screens and one of each, says what the page and the server send each other; here the server is held to it, both ways."""

from __future__ import annotations

import ast
import base64
import inspect
import json
import re
import textwrap
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dashboard.live import messages
from dashboard.server import routes
from dashboard.server.classes import Classes
from dashboard.server.hub import Hub
from dashboard.server.requests import Requests
from dashboard.server.routes import WEB
from dashboard.setups import address
from dashboard.setups.reach import Reach
from dashboard.sweeps.page import SweepPage
from maml_core.config import RunConfig, SinusoidConfig, replace
from maml_core.lessons.lesson import Lesson
from tests.dashboard.live.lessons import SMALL
from tests.dashboard.server.clients import IMAGES, TINY, Client, Clock, Inline, on_loop, until, wake
from tests.dashboard.sweeps.hubs import Mixed, Viewer, new_job, play
from tests.dashboard.sweeps.hubs import until as in_real_time
from tests.dashboard.sweeps.hubs import wake as wake_and_draw

TEXT = "\n".join(path.read_text(encoding="utf-8") for path in sorted(WEB.glob("*/protocol.js")))


class Field(NamedTuple):
    """A property of a typedef."""

    type: str
    optional: bool


Fields = dict[str, Field]


def read(text: str) -> dict[str, str | Fields]:
    """The typedefs of the files by name: what an alias stands for, or the fields of an object."""
    found: dict[str, str | Fields] = {}
    for comment in re.findall(r"/\*\*(.*?)\*/", text, re.DOTALL):
        named = re.search(r"@typedef \{((?:[^{}]|\{[^{}]*\})+)\} (\w+)", comment)
        if named is None or "@template" in comment:
            continue
        kind, name = named.groups()
        properties = re.findall(r"@property \{([^}]+)\} (\[?)(\w+)", comment)
        found[name] = (
            {key: Field(type, bool(bracket)) for type, bracket, key in properties} if kind == "object" else kind
        )
    return found


TYPES = read(TEXT)


def split(text: str, separator: str) -> list[str]:
    """The parts of a type at its outermost level."""
    parts, depth = [""], 0
    for letter in text:
        depth += letter in "([{<"
        depth -= letter in ")]}>"
        if letter == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def faults(value: Any, type: str, where: str) -> list[str]:
    """What a value has that its type does not say, or lacks, each with the place."""
    if len(options := split(type, "|")) > 1:
        each = [faults(value, option, where) for option in options]
        if any(not found for found in each):
            return []
        # Of several kinds of messages, the one that it means.
        said = [found for found, option in zip(each, options, strict=True) if means(value, option)]
        return said[0] if said else [f"{where}: {value!r:.60} is none of {type}"]
    if type.endswith("[]"):
        inner = type[:-2]
        inner = inner[1:-1] if inner.endswith(")") else inner
        if not isinstance(value, list):
            return [f"{where}: {value!r:.60} is no list"]
        return [fault for i, each in enumerate(value) for fault in faults(each, inner, f"{where}[{i}]")]
    if type.startswith("["):
        inner_types = split(type[1:-1], ",")
        if not isinstance(value, list) or len(value) != len(inner_types):
            return [f"{where}: {value!r:.60} is not {type}"]
        pairs = zip(value, inner_types, strict=True)
        return [fault for i, (each, inner) in enumerate(pairs) for fault in faults(each, inner, f"{where}[{i}]")]
    if type.startswith("Record<"):
        _, inner = split(type[len("Record<") : -1], ",")
        if not isinstance(value, dict):
            return [f"{where}: {value!r:.60} is no object"]
        return [fault for key, each in value.items() for fault in faults(each, inner, f"{where}.{key}")]
    if type.startswith('"'):
        return [] if value == type[1:-1] else [f"{where}: {value!r:.60} is not {type}"]
    if type in TYPES:
        return of_named(value, type, where)
    if type == "PlotlyLayout":  # what Plotly takes, but for the part that the page's cards read
        return of_named(value["meta"], "Meta", f"{where}.meta") if isinstance(value, dict) else [f"{where}: no layout"]
    fits = {
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "string": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "true": value is True,
        "null": value is None,
        "PlotlyTrace": isinstance(value, dict),
        "unknown": True,
    }
    return [] if fits[type] else [f"{where}: {value!r:.60} is no {type}"]


def means(value: Any, option: str) -> bool:
    fields = TYPES.get(option)
    return isinstance(value, dict) and isinstance(fields, dict) and not faults(value.get("type"), tag(fields), "")


def tag(fields: Fields) -> str:
    return fields["type"].type if "type" in fields else "unknown"


def of_named(value: Any, name: str, where: str) -> list[str]:
    """The faults of a value against a typedef."""
    fields = TYPES[name]
    if isinstance(fields, str):
        return faults(value, fields, where)
    if not isinstance(value, dict):
        return [f"{where}: {value!r:.60} is no {name}"]
    unknown = [f"{where}.{key}: protocol.js does not know it" for key in value if key not in fields]
    missing = [f"{where}.{key}: missing" for key, field in fields.items() if not field.optional and key not in value]
    inner = [
        fault for key in fields if key in value for fault in faults(value[key], fields[key].type, f"{where}.{key}")
    ]
    return unknown + missing + inner


def held(messages: Iterable[dict[str, Any]], union: str, frame: str) -> dict[str, set[str]]:
    """Hold messages to the file; returns which fields each typedef was seen with."""
    seen: dict[str, set[str]] = {}
    names = {option: tag(TYPES[option]) for option in split(str(TYPES[union]), "|")}  # type: ignore[arg-type]
    for message in messages:
        if message["type"] == "frame":
            name, value = frame, {key: each for key, each in message.items() if key != "type"}
        else:
            name = next((n for n, t in names.items() if t == f'"{message["type"]}"'), "")
            value = message
            assert name, f"protocol.js does not know the message {message['type']!r}"
        assert of_named(value, name, name) == []
        note(value, name, seen)
    return seen


def note(value: Any, type: str, seen: dict[str, set[str]]) -> None:
    """Write down the fields that a value has, of it and of what it is made of."""
    for option in split(type, "|"):
        inner = option.removesuffix("[]")
        if option.startswith("Record<"):
            for each in value.values() if isinstance(value, dict) else ():
                note(each, split(option[len("Record<") : -1], ",")[1], seen)
        elif inner != option and isinstance(value, list):
            for each in value:
                note(each, inner, seen)
        elif isinstance(fields := TYPES.get(option), dict) and isinstance(value, dict):
            seen.setdefault(option, set()).update(value)
            for key in value.keys() & fields.keys():
                note(value[key], fields[key].type, seen)


def never_sent(seen: dict[str, set[str]], *names: str) -> list[str]:
    """Fields of the file that the server never sent, of everything that messages of these names are made of."""
    known: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in known or name not in TYPES:
            continue
        known.add(name)
        fields = TYPES[name]
        types = [fields] if isinstance(fields, str) else [field.type for field in fields.values()]
        todo += [word for type in types for word in re.findall(r"\b[A-Z]\w+", type)]
    return sorted(
        f"{name}.{key}"
        for name in known
        if isinstance(fields := TYPES[name], dict)
        for key in fields
        if key not in seen.get(name, ())
    )


NOT_OF_A_PAGE = ["Gone.type", "Pong.type", "Taken.request", "Taken.type"]
"""What the socket's route says itself."""

# --- What the server sends ---------------------------------------------------------------------------------------------


def live_messages(
    config: RunConfig, *said: dict[str, Any], at: int = 0, lesson: Lesson | None = None
) -> list[dict[str, Any]]:
    """What a page is told of a run, or of a lesson, while it says these things."""
    found: list[dict[str, Any]] = []

    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        hub.reach = Reach(local_only=False, lan="192.168.1.5")
        token = hub.open_page(config, at=at)
        client = Client(hub, token if lesson is None else hub.open_lesson(lesson, home=token))
        await until(lambda: client.page.viewer.is_seen)
        for message in said:
            client.say(**message)
            for _ in range(4):
                clock.now += 1.0
                await wake(hub)
                told = client.take()
                found.extend(told)
                for frame in (m["frame"] for m in told if m["type"] == "frame"):
                    client.say("ack", frame=frame)
        found.extend(client.take())

    on_loop(scene)
    return found


def class_messages() -> list[dict[str, Any]]:
    """What a teacher and a student are told."""
    found: list[dict[str, Any]] = []

    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        teacher = Client(hub, hub.open_page(TINY))
        await until(lambda: teacher.page.run.state is not None)
        student = in_class(hub, teacher, is_student=True)
        student.say("class_answer", number=1, answer=1)
        student.say("class_copy")
        for kind in ("class_reveal", "class_end"):
            teacher.say(kind)
        found.extend([*teacher.take(), *student.take()])

    on_loop(scene)
    return found


PIXELS = base64.b64encode(bytes(784)).decode()
VIEW = {"chart": "layers", "metric": "loss", "task": [1.0, 0.5], "draw": 2}
DRAWN = {"type": "own_task", "support": [[0, PIXELS], [1, PIXELS]], "query": [PIXELS], "id": 7}


def test_the_live_page_is_told_what_the_file_says_and_all_of_it():
    messages = [
        *live_messages(
            TINY,
            {"type": "apart"},
            {"type": "apart_by", "by": 1},
            {"type": "outer_step"},
            {"type": "keep_moment"},
            {"type": "own_points", "text": "x y\n9 2\n3 4\n5 6", "hold_back": True, "id": 8},
            {"type": "play"},
            {"type": "own_points", "clear": True},
            {"type": "set", "changes": {"alpha": 0.02}, "drag": 1, "id": 1},
            {"type": "pause"},
            {"type": "set", "changes": {"alpha": -101.0}, "id": 2},
            {"type": "reset"},
            {"type": "remove_ghosts", "number": None},
            {"type": "run_until", "step": 40},
        ),
        *live_messages(replace(TINY, {"per_step_rates": True}), {"type": "outer_step"}, at=40),
        *live_messages(IMAGES, {"type": "outer_step"}, {"type": "example_task"}, DRAWN),
        *live_messages(TINY, {"type": "jump"}, at=400),
        *live_messages(
            TINY,
            {"type": "lesson_answer", "answer": 1},
            {"type": "lesson_act"},
            {"type": "ack", "frame": 0},
            lesson=SMALL,
        ),
        *class_messages(),
    ]
    seen = held(messages, "LiveMessage", "LiveFrame")
    assert never_sent(seen, "LiveMessage", "LiveFrame") == NOT_OF_A_PAGE


class Real(Mixed):
    """Computes every chunk for real and at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args))
        return future


def test_the_sensitivity_screen_is_told_what_the_file_says_and_all_of_it(tmp_path: Path):
    messages: list[dict[str, Any]] = []

    async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
        token = hub.open_page(TINY)
        viewer = Viewer(hub, token)

        async def hear() -> None:
            for _ in range(3):
                clock.now += 1.0
                await wake_and_draw(hub)
                messages.extend(viewer.take())

        hub.sweeps.tell_opening(token, "Opening s: its results are being read.")
        viewer.say("freeze")
        await in_real_time(lambda: viewer.page.frozen is not None)
        await hear()
        key, job = new_job(hub, tmp_path)
        hub.start_sweep(token, key, job)
        await hear()
        await in_real_time(lambda: job.status == "done")
        await hear()
        viewer.say("setting", number=2)
        viewer.say("setting", number=99)
        viewer.say("pin", numbers=[0, 1])
        viewer.say("compare")
        while not any("pins" in message for message in messages if message["type"] == "frame"):
            await hear()

    play(scene, Real())
    seen = held(messages, "SweepMessage", "SweepFrame")
    assert never_sent(seen, "SweepMessage", "SweepFrame") == NOT_OF_A_PAGE


def test_what_the_routes_say_is_what_the_file_says():
    said = re.findall(r"json\.dumps\((\{.*?\})\)", inspect.getsource(routes))
    assert sorted(ast.literal_eval(message)["type"] for message in said) == ["gone", "pong"]
    assert all(of_named(ast.literal_eval(message), "OfSocket", "OfSocket") == [] for message in said)
    requests = Requests(lambda token: True)
    taken = [requests.begin("page", "sender"), requests.take("page", {"type": "play", "request": 1})[1]]
    assert [of_named(json.loads(message), "Taken", "Taken") for message in taken] == [[], []]


# --- What the server understands ---------------------------------------------------------------------------------------


def understood(method: Any) -> set[str]:
    """The types of messages that a method has a case for."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(method)))
    patterns = [node.pattern for node in ast.walk(tree) if isinstance(node, ast.match_case)]
    values = [pattern.value for pattern in patterns if isinstance(pattern, ast.MatchValue)]
    return {value.value for value in values if isinstance(value, ast.Constant)}


def types_of(union: str) -> set[str]:
    """The types of messages that a typedef of the file stands for."""
    found: set[str] = set()
    for option in split(str(TYPES[union]), "|"):
        fields = TYPES[option]
        text = fields if isinstance(fields, str) else tag(fields)
        found |= set(re.findall(r'"(\w+)"', text))
    return found


def test_the_server_understands_what_the_file_lets_the_live_page_say():
    in_class = {kind for each in (Classes.obey, Classes._teach, Classes._follow) for kind in understood(each)}
    assert types_of("LiveRequest") == understood(messages.obey) | in_class | {"class_start"}


def test_the_server_understands_what_the_file_lets_the_sensitivity_screen_say():
    assert types_of("SweepRequest") == understood(SweepPage.obey) | {"freeze"}  # which the hub itself answers


# Messages as the page sends them, one of each typedef with fields.
SAID: dict[str, dict[str, Any]] = {
    "Ack": {"type": "ack", "frame": 1},
    "Visible": {"type": "visible", "visible": True},
    "PauseHidden": {"type": "pause_hidden", "on": True},
    "SetChanges": {"type": "set", "changes": {"alpha": 0.02}},
    "Compare": {"type": "compare", "other": "fomaml"},
    "ShowGhost": {"type": "ghost", "number": 1, "shown": False},
    "RemoveGhosts": {"type": "remove_ghosts", "number": 1},
    "RunUntil": {"type": "run_until", "step": 40},
    "GoTo": {"type": "travel", "step": 0},
    "GoBy": {"type": "travel_by", "by": -1},
    "OpenMoment": {"type": "open_moment", "step": 0, "address": address.write(TINY), "view": VIEW},
    "ApartBy": {"type": "apart_by", "by": 1},
    "LessonGo": {"type": "lesson_go", "to": 0},
    "LessonAnswer": {"type": "lesson_answer", "answer": 1},
    "Speed": {"type": "speed", "steps_per_s": None},
    "ChooseMetric": {"type": "metric", "metric": "loss"},
    "ChooseChart": {"type": "tasks_chart", "chart": "task_disk"},
    "ShapeTask": {"type": "task", "amplitude": 1.0, "phase_rad": 0.5},
    "OwnTask": {key: value for key, value in DRAWN.items() if key != "id"},
    "OwnPoints": {"type": "own_points", "text": "1 2", "hold_back": False},
    "ClassStart": {"type": "class_start", "address": "http://192.168.1.5:8501/"},
    "ClassAskChoice": {"type": "class_ask", "kind": "choice", "question": "Which?", "options": ["This", "That"]},
    "ClassAskNumber": {"type": "class_ask", "kind": "number", "question": "How much?", "low": 0, "high": 2, "unit": ""},
    "ClassGive": {"type": "class_give", "to": "any"},
    "ClassHand": {"type": "class_hand", "up": True},
    "ClassAnswer": {"type": "class_answer", "number": 1, "answer": 1},
}
OF_STUDENTS = {"ClassHand", "ClassAnswer"}
SWITCHES = {"NewTask", "ClearOwnTask", "ClearOwnPoints", "AskExample"}
"""Those that a single word makes another message, or that have no field at all."""


def test_every_message_of_the_page_has_an_example_here():
    with_fields = {option for option in split(str(TYPES["LiveRequest"]), "|") if isinstance(TYPES[option], dict)}
    assert with_fields - SWITCHES == set(SAID)
    assert [fault for name, message in SAID.items() for fault in of_named(message, name, name)] == []


def in_class(hub: Hub, teacher: Client, *, is_student: bool) -> Client:
    """A page in a class with a student, which is asked something: a student's, or the teacher's."""
    teacher.say(**SAID["ClassStart"])
    room = hub.classes.of(teacher.page)
    assert room is not None
    student = Client(hub, hub.classes.join(room.code, home=hub.open_page(TINY), client="", now=0.0))
    teacher.say(**SAID["ClassAskChoice"])
    return student if is_student else teacher


@pytest.mark.parametrize("name", SAID)
def test_a_message_is_obeyed_and_one_that_lacks_a_field_of_the_file_is_refused_by_its_name(name: str):
    message = SAID[name]
    config = IMAGES if name == "OwnTask" else replace(TINY, {"tasks": SinusoidConfig()})

    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        token = hub.open_page(config)
        client = Client(hub, hub.open_lesson(SMALL, home=token) if name.startswith("Lesson") else token)
        await until(lambda: client.page.viewer.is_seen)
        if name in ("ShowGhost", "RemoveGhosts"):
            client.say("outer_step")
            await until(lambda: client.page.run.step > 0)
            client.say("reset")
        if name.startswith("Class"):
            client = in_class(hub, client, is_student=name in OF_STUDENTS)
        client.take()
        client.say(**message)
        assert [told for told in client.take() if told["type"] == "error"] == []
        for field in message.keys() - {"type"}:
            client.say(**{key: value for key, value in message.items() if key != field})
            (error,) = [told for told in client.take() if told["type"] == "error"]
            assert f"lacks '{field}'" in error["message"]

    on_loop(scene)
