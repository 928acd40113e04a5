"""The pages ``/_localstack/init`` and ``/_localstack/init/<stage>``, in LocalStack's form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from emulator.core.init_scripts import InitScripts, Script, Stage
from emulator.web.admin import Page
from emulator.wire.message import HttpRequest, HttpResponse, json_response


def init_pages(scripts: InitScripts) -> Mapping[str, Mapping[str, Page]]:
    """Return who answers, by path and method."""

    def every(_: HttpRequest) -> HttpResponse:
        completed = {stage.value: done for stage, done in scripts.completed.items()}
        return json_response(200, {"completed": completed, "scripts": _shown(scripts.scripts)})

    def one(stage: Stage, _: HttpRequest) -> HttpResponse:
        return json_response(
            200, {"completed": scripts.completed[stage], "scripts": _shown(scripts.of(stage))}
        )

    pages: dict[str, Mapping[str, Page]] = {"init": {"GET": every, "HEAD": every}}
    for stage in Stage:
        page = partial(one, stage)
        for path in (f"init/{stage.lower()}", f"init/{stage}"):
            pages[path] = {"GET": page, "HEAD": page}
    return pages


def _shown(scripts: Iterable[Script]) -> list[dict[str, str]]:
    return [
        {"stage": script.stage, "name": script.path.name, "state": script.state}
        for script in scripts
    ]
