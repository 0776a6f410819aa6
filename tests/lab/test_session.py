"""The session between runs and views, with views that are slow, late, broken, many, or gone."""
from __future__ import annotations

import gc
import logging
import os
import threading
import time
import weakref

import numpy as np
import pytest

from tests.lab.stand_ins import Page, small_run, train, until
from workbench.lab import channel, session
from workbench.lab.encode import CURVE_POINTS
from workbench.lab.session import Session
from workbench.train import Run


@pytest.fixture
def live() -> Session:
    return Session(busy=lambda: threading.current_thread() is not threading.main_thread())


def ready(page: Page, run: str = "") -> Page:
    page.say("ready", v=1, run=run)
    until(lambda: page.heard("runs"), "the page is served")
    return page


def test_a_late_view_is_told_everything(live: Session) -> None:
    run = small_run()
    live.add(run)
    train(run, 30)
    page = ready(Page(live))
    until(lambda: page.heard("graph") and page.heard("series"), "records come")
    order = [data["op"] for data, _ in page.sent]
    assert order[:3] == ["runs", "hello", "state"]
    assert {"series", "gradflow", "activations", "graph"} <= set(order)
    assert page.heard("series")[0]["n"] == 30


def test_a_view_that_is_there_first_hears_of_a_run_when_it_starts(live: Session) -> None:
    page = ready(Page(live))
    run = small_run()
    live.add(run)
    train(run, 1)
    until(lambda: page.heard("hello", run) and page.heard("series", run), "the run is announced")


def test_what_is_sent_before_ready_waits(live: Session) -> None:
    run = train(small_run(), 3)
    live.add(run)
    page = Page(live)
    page.say("want", run=run.id, streams=["series"])
    time.sleep(0.1)
    assert not page.sent
    ready(page)
    until(lambda: page.heard("series"), "curves come")
    assert not page.heard("gradflow"), "and only what it wants"


def test_a_long_history_is_thinned_but_keeps_its_extremes(live: Session) -> None:
    run = Run()
    live.add(run)
    for step in range(20_000):
        run.step(loss=1000.0 if step == 12_345 else np.sin(step))
    page = ready(Page(live))
    until(lambda: page.heard("series"), "curves come")
    data, (steps, values) = next(item for item in page.sent if item[0]["op"] == "series")
    assert data["n"] <= CURVE_POINTS + 2
    assert np.frombuffer(values, "<f4").max() == 1000
    assert np.frombuffer(steps, "<f8")[[0, -1]].tolist() == [1, 20_000]


def test_pull_gives_every_point(live: Session) -> None:
    run = Run()
    live.add(run)
    for step in range(10_000):
        run.step(loss=step)
    page = ready(Page(live))
    page.say("pull", run=run.id, lo=2000, hi=2999)
    until(lambda: len(page.heard("series")) == 2, "the answer comes")
    assert page.heard("series")[1]["n"] == 1000
    assert not page.heard("series")[1]["reset"]


def test_a_value_added_to_the_last_row_arrives(live: Session) -> None:
    run = Run()
    live.add(run)
    run.step(loss=1.0)
    page = ready(Page(live))
    page.answers = True
    until(lambda: page.heard("series"), "the loss comes")
    run.log(val_loss=2.0)
    until(lambda: page.heard("series")[-1]["names"] == ["loss", "val_loss"], "the new column comes")
    last = [buffers for data, buffers in page.sent if data["op"] == "series"][-1]
    assert np.frombuffer(last[1], "<f4").tolist() == [1.0, 2.0]


def test_a_view_that_does_not_answer_costs_no_more_than_a_few_messages_a_second(live: Session) -> None:
    run = small_run()
    live.add(run)
    page = ready(Page(live))
    page.say("want", run=run.id, streams=[])
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        run.step(loss=1.0)
        time.sleep(0.001)
    assert len(page.sent) <= 25
    assert run.step_index > 400


def test_a_broken_view_is_dropped_and_comes_back_when_it_speaks(live: Session, caplog: pytest.LogCaptureFixture) -> None:
    run = small_run()
    live.add(run)
    page, healthy = ready(Page(live)), ready(Page(live, "healthy"))
    page.broken = healthy.answers = True
    with caplog.at_level(logging.WARNING, "workbench"):
        train(run, 20)
        until(lambda: "was dropped" in caplog.text, "it is dropped")
    before = len(healthy.sent)
    train(run, 20)
    until(lambda: len(healthy.sent) > before, "the other is served on")
    page.broken = False
    page.sent.clear()
    page.say("ping", id=1)
    until(lambda: page.heard("pong"), "it is answered")
    assert page.opened == 2
    assert page.heard("hello", run)


def test_a_view_that_is_silent_for_long_counts_as_closed(live: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "LOST", 0.2)
    run = train(small_run(), 3)
    live.add(run)
    page = ready(Page(live))
    until(lambda: not live._channels, "it is dropped")
    page.sent.clear()
    page.say("ack", seq=1)
    until(lambda: page.heard("hello", run), "its first word brings it back")


def test_controls_are_enabled_for_the_view_that_has_proved_its_way(live: Session) -> None:
    run = train(small_run(), 2)
    live.add(run)
    stuck = ready(Page(live, "stuck"))
    free = Page(live, "free")
    beside = threading.Thread(target=lambda: ready(free))
    beside.start()
    beside.join()
    until(lambda: free.heard("state") and free.heard("state")[-1]["control"], "its message overtook the cell")
    assert not any(data["control"] for data in stuck.heard("state"))


def test_two_views_see_one_value(live: Session) -> None:
    run = train(small_run(), 1)
    live.add(run)
    pages = [ready(Page(live, name)) for name in ("one", "two")]
    pages[0].say("set", run=run.id, name="lr", value=0.5)
    train(run, 1)
    for page in pages:
        until(lambda page=page: page.heard("state")[-1]["values"]["lr"] == 0.5, "both agree")
        until(lambda page=page: page.heard("event"), "both hear of it")
    assert run.optimizer.param_groups[0]["lr"] == 0.5


def test_a_widget_is_sent_its_own_runs_only(live: Session) -> None:
    mine, other, third = (train(small_run(name), 2) for name in ("mine", "other", "third"))
    for run in (mine, other, third):
        live.add(run)
    one = ready(Page(live, "one"), mine.id)
    pair = ready(Page(live, "pair", (mine.id, third.id)), mine.id)
    train(other, 3)
    until(lambda: pair.heard("series", third), "the compared run comes")
    assert {data["run"] for data, _ in one.sent if "run" in data} == {mine.id}
    assert {data["run"] for data, _ in pair.sent if "run" in data} == {mine.id, third.id}
    assert [each["run"] for each in pair.heard("runs")[0]["runs"]] == [mine.id, third.id]


def test_nobody_looking_costs_nothing_and_nobody_there_keeps_the_picture(live: Session) -> None:
    run = small_run()
    watched = live.add(run)
    assert watched.recorder._wanted, "without a view the notebook's picture is made"
    page = ready(Page(live))
    page.say("want", run=run.id, streams=[])
    until(lambda: not watched.recorder._wanted, "all is hidden")
    page.say("want", run=run.id, streams=["series"])
    until(lambda: len(watched.recorder._wanted) == 4, "another tab is to find a past")
    page.say("want", run=run.id, streams=[])
    until(lambda: not watched.recorder._wanted, "all is hidden again")
    page.say("bye")
    until(lambda: len(watched.recorder._wanted) == 4, "the page is gone")


def test_a_view_that_asked_many_times_while_it_could_not_be_heard_is_answered_once(live: Session) -> None:
    live.add(train(small_run(), 2))
    page = Page(live)
    live._thread = threading.current_thread()  # in the place of the publisher, which so cannot start yet
    for _ in range(20):
        page.say("ready", v=1, run="")
    live._thread = None
    ready(page)
    time.sleep(0.2)
    assert len(page.heard("runs")) == 1


def test_layers_that_change_on_the_way_start_a_new_picture(live: Session) -> None:
    run = small_run()
    live.add(run)
    train(run, 3)
    run.model.append(type(run.model[0])(1, 1))
    page = ready(Page(live))

    def wider() -> list[dict]:
        train(run, 20)  # how often it is looked at depends on how long a look takes
        return [data for data in page.heard("gradflow") if len(data["layers"]) == 6]

    until(wider, "gradient flow of the new layers comes")  # other layers than before: the view begins again
    run.finish()
    assert page.heard("gradflow")[0]["reset"]


def test_old_runs_are_let_go(live: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "KEPT", 3)
    page = ready(Page(live))
    first = train(small_run("first"), 1)
    live.add(first)
    first.finish()
    gone, model = first.id, weakref.ref(first.model)
    del first
    for number in range(4):
        with small_run(f"run {number}") as run:
            live.add(run)
            train(run, 1)
    until(lambda: [data for data in page.heard("bye") if data["run"] == gone], "the page is told")
    assert len(live.watched) == 3
    del run
    gc.collect()
    assert model() is None


def test_a_run_under_way_is_never_let_go(live: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "KEPT", 2)
    running = small_run("running")
    live.add(running)
    train(running, 1)
    for _ in range(4):
        with small_run() as run:
            live.add(run)
            train(run, 1)
    assert running.id in live.watched


def test_a_run_is_watched_once(live: Session) -> None:
    run = small_run()
    assert live.add(run) is live.add(run)
    assert len(run.listeners) == 2


def test_a_run_rests_when_its_cell_ends_and_goes_on_in_the_next(live: Session) -> None:
    run = small_run()
    watched = live.add(run)
    train(run, 1)
    live.cell_ended()
    page = ready(Page(live))
    until(lambda: page.heard("state"), "it is told")
    assert page.heard("state")[-1]["state"] == "idle"
    train(run, 1)
    until(lambda: page.heard("state")[-1]["state"] == "running", "it goes on")
    run.finish()
    live.cell_ended()
    assert watched.state == "done"


def test_the_loop_pays_microseconds(live: Session) -> None:
    run = Run()
    watched = live.add(run)
    ready(Page(live))
    begun = time.perf_counter()
    for _ in range(2000):
        watched.on_step(run)
    assert (time.perf_counter() - begun) / 2000 < 200e-6, "sending takes 450 us: it is not done here"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_does_not_speak_for_its_parent(live: Session) -> None:
    run = small_run()
    live.add(run)
    ready(Page(live))
    child = os.fork()
    if not child:
        live.wake()
        os._exit(int(live._thread is not None and live._thread.is_alive()))
    assert os.waitpid(child, 0)[1] == 0


def test_ill_formed_messages_are_said_once_each_and_ignored(live: Session, caplog: pytest.LogCaptureFixture) -> None:
    bad = [None, 7, [], {}, {"op": "no"}, {"op": "ready", "view": 1, "v": 1, "run": ""}, {"op": "set", "view": "a", "run": "r", "name": "lr"},
           {"op": "set", "view": "a", "run": "r", "name": "lr", "value": True},
           {"op": "set", "view": "a", "run": "r", "name": "lr", "value": float("inf")},
           {"op": "cmd", "view": "a", "run": "r", "name": "explode"}, {"op": "want", "view": "a", "run": "r", "streams": ["gossip"]}]
    with caplog.at_level(logging.WARNING, "workbench"):
        for content in bad:
            live.receive(content)
    assert len([r for r in caplog.records if "was ignored" in r.message]) == len(bad)
