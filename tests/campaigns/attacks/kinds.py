"""The attacks: what is done to a directory, a disk, descriptors, memory and the clock."""

import collections
import glob
import http.client
import mmap
import os
import random
import resource
import shutil
import subprocess
import time

import abuse
from client import QUESTIONS, WORDS, Server, document, path, read
from judge import LONGEST
from world import copy, state

MIB = abuse.MIB


# Attacks: each is a generator that attacks, yields, and undoes it. What it needs is in the table below.


def files(world, pattern, folder=None):
    found = sorted(glob.glob(os.path.join(folder or world.target, pattern)))
    if not found:
        raise RuntimeError(f"no {pattern}")
    return found


def the_segment(world):
    return max(files(world, "segment-*.lxv"), key=os.path.getsize)


def the_newest(pattern):
    return lambda world: files(world, pattern)[-1]


def spoiled(change, which=the_segment, back=True):
    """A file whose bytes are changed under its name, by `change(path, length)`. A log is not put back: what was written
    between the copy and the change would be lost by that."""

    def attack(world):
        name = which(world)
        saved = os.path.join(world.base, "saved")
        if change in (deleted, renamed_over):
            # The file itself is kept, with what is written to it until it loses its name.
            os.link(name, saved)
        else:
            copy(name, saved)
        change(name, os.path.getsize(name))
        yield
        # As an operator would: the whole file under its name.
        if back:
            os.replace(saved, name)

    return attack


def cut(name, length):
    os.truncate(name, length // 3)


def rewritten(name, length, start=0.2, end=0.9):
    with open(name, "r+b") as file:
        file.seek(int(length * start))
        file.write(random.Random(3).randbytes(int(length * (end - start))))


def times_kept(name, length):
    """As a program does that copies files with their times."""
    before = os.stat(name)
    rewritten(name, length)
    os.utime(name, ns=(before.st_atime_ns, before.st_mtime_ns))


def through_a_map(name, length):
    with open(name, "r+b") as file, mmap.mmap(file.fileno(), length) as view:
        view[length // 5 : length // 2] = random.Random(3).randbytes(length // 2 - length // 5)


def grown(name, length):
    with open(name, "ab") as file:
        file.write(b"\0" * 5000)


def renamed_over(name, length):
    with open(name + "-other", "wb") as file:
        file.write(random.Random(3).randbytes(length))
    os.rename(name + "-other", name)


def deleted(name, length):
    os.remove(name)


def exchanged(which, make):
    """A file in whose place something else is put."""

    def attack(world):
        name = which(world)
        saved = os.path.join(world.base, "saved")
        os.rename(name, saved)
        make(world, name, saved)
        yield
        if os.path.lexists(name):
            (shutil.rmtree if os.path.isdir(name) and not os.path.islink(name) else os.remove)(name)
        os.rename(saved, name)

    return attack


def fifo(world, name, saved):
    os.mkfifo(name)


def link(world, name, saved):
    os.symlink(saved, name)


def link_to_another(world, name, saved):
    os.symlink(world.precious, name)


def directory(world, name, saved):
    os.mkdir(name)


def moved(folder):
    def attack(world):
        name = getattr(world, folder)
        os.rename(name, world.aside)
        yield
        drop(name)
        os.rename(world.aside, name)

    return attack


def drop(name):
    if os.path.islink(name):
        os.remove(name)
    elif os.path.lexists(name):
        shutil.rmtree(name)


def removed(world):
    shutil.rmtree(world.target)
    yield


def replaced(world):
    os.rename(world.target, world.aside)
    os.rename(world.victim, world.target)
    yield
    os.rename(world.target, world.victim)
    os.rename(world.aside, world.target)


def linked_to(name):
    """A link in the place of the directory: to another owner's, or to the directory itself, which is aside."""

    def attack(world):
        os.rename(world.target, world.aside)
        os.symlink(getattr(world, name), world.target)
        yield
        os.remove(world.target)
        os.rename(world.aside, world.target)

    return attack


def replaced_and_used(world):
    """Everything that changes a directory is asked for while another owner's is at the place."""
    os.rename(world.target, world.aside)
    os.rename(world.victim, world.target)
    asked = [
        ("PUT", path("snapshots/one"), None),
        ("PUT", path("profiles/one"), {}),
        ("POST", path("learn"), {"feedback": [{"vector": [1.0] * 8, "relevant": ["f1"]}]}),
        ("POST", path("compact"), None),
        ("DELETE", "/v1/collections/target?snapshots=true", None),
    ]
    seen = [world.server.ask(*one)[0] for one in asked]
    world.record.notes.append(f"snapshot, profile, learn, compact, drop: {seen}")
    if not os.path.isdir(world.target):
        world.record.fault("another owner's collection was REMOVED by a drop")
    yield
    if os.path.isdir(world.target):
        os.rename(world.target, world.victim)
    os.rename(world.aside, world.target)


def root_moved_and_used(world):
    """A collection is made and dropped while the root is elsewhere, and then while another owner's is at its place."""
    os.rename(world.root, world.aside)
    status, _ = world.server.ask("PUT", "/v1/collections/fresh", {})
    written, _ = world.server.ask("POST", path("documents", "fresh"), [{"id": "a", "text": "wing"}])
    world.record.notes.append(f"create, write: {status}, {written}")
    if written == 200:
        world.record.fault("a write to a collection made in a directory that is elsewhere was ACKNOWLEDGED")
    drop(world.root)
    os.rename(world.aside, world.root)
    os.rename(world.root, world.aside)
    os.mkdir(world.root)
    copy(world.victim, os.path.join(world.root, os.path.basename(world.target)))
    before = state(world.root)
    seen = [world.server.ask("PUT", "/v1/collections/later", {})[0]]
    seen.append(world.server.ask("DELETE", "/v1/collections/target?snapshots=true")[0])
    world.record.notes.append(f"create, drop in another's root: {seen}")
    if state(world.root) != before:
        world.record.fault("another owner's root was CHANGED")
    yield
    drop(world.root)
    os.rename(world.aside, world.root)


def snapshots_a_link(world):
    os.symlink(world.victim, os.path.join(world.target, "snapshots"))
    yield
    os.remove(os.path.join(world.target, "snapshots"))


def learning_a_link(world):
    """Feedback goes to a store of the collection; in its place is a link to another owner's."""
    os.symlink(world.victim, os.path.join(world.target, "learning"))
    feedback = {"feedback": [{"vector": [1.0] * 8, "relevant": ["f1"]}]}
    world.record.notes.append(f"learn {world.server.ask('POST', path('learn'), feedback)[0]}")
    yield
    os.remove(os.path.join(world.target, "learning"))


def lock_of(folder, make):
    def attack(world):
        name = os.path.join(getattr(world, folder), "LOCK")
        saved = os.path.join(world.base, "saved")
        os.rename(name, saved)
        if make:
            make(world, name, saved)
        world.second_writer()
        second = Server(world.binary, world.root)
        if second.port is not None:
            world.record.fault("a SECOND SERVER was let in")
            second.end()
        yield
        if os.path.lexists(name):
            (os.rmdir if os.path.isdir(name) and not os.path.islink(name) else os.remove)(name)
        os.rename(saved, name)

    return attack


def rights(which):
    """No permissions on what `which` gives."""

    def attack(world):
        names = which(world)
        before = {name: os.stat(name).st_mode & 0o777 for name in names}
        for name in names:
            os.chmod(name, 0)
        yield
        for name, mode in before.items():
            if os.path.exists(name):
                os.chmod(name, mode)

    return attack


def every_file(world):
    return files(world, "*")


def remount(world):
    done = subprocess.run(["mount", "-o", "remount,ro", world.base], capture_output=True)
    world.record.notes.append(f"remount,ro: exit {done.returncode} (files are open for writing)")
    if world.mounted == "ext4":
        # What the kernel does by itself after a failure of the disk.
        done = subprocess.run(["mount", "-o", "remount,abort", world.base], capture_output=True)
        world.record.notes.append(f"remount,abort: exit {done.returncode}")
    yield
    world.halt()
    if world.mounted == "ext4":
        subprocess.run(["umount", world.base], check=True)
        subprocess.run(["fsck.ext4", "-p", world.loop], capture_output=True)
        # The read-only mount first: reading needs no byte.
        subprocess.run(["mount", "-o", "ro", world.loop, world.base], check=True)
        reads_only(world)
        subprocess.run(["mount", "-o", "remount,rw", world.base], check=True)
    else:
        subprocess.run(["mount", "-o", "remount,ro", world.base], check=True)
        reads_only(world)
        subprocess.run(["mount", "-o", "remount,rw", world.base], check=True)
    world.start()


def reads_only(world):
    server = Server(world.binary, world.root)
    said = "starts" if server.port is not None else f"refuses to start: {' '.join(server.said)[:90]}"
    if server.port is not None:
        server.end()
    code, _ = world.command("search", world.target, "wing", "--limit", "3")
    world.record.notes.append(f"mounted read-only: server {said.replace(world.base, '')}; `search` exit {code}")
    if code:
        world.record.fault("`search` of a read-only mount failed")


def unmounted(world):
    subprocess.run(["umount", "-l", world.base], check=True)
    yield
    subprocess.run(["mount", world.loop, world.base], check=True)


def filled_by_another(again):
    """Another program takes the last byte while the log is written: once, or `again` and again whatever is freed."""

    def fill(hog):
        with open(hog, "ab", buffering=0) as file:
            for size in (MIB, 4096, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    pass

    def attack(world):
        record, hog = world.record, os.path.join(world.base, "hog")
        fill(hog)
        time.sleep(0.3)
        seen = []
        for what, key, *request in [
            ("delete", "w0", "DELETE", path("documents"), {"ids": ["w0"]}),
            ("flush", "", "POST", path("flush"), None),
            ("compact", "", "POST", path("compact"), None),
            ("delete", "w1", "DELETE", path("documents"), {"ids": ["w1"]}),
            ("snapshot", "", "PUT", path("snapshots/full"), None),
        ]:
            if again:
                fill(hog)
            start = time.monotonic()
            status, answer = world.server.ask(*request)
            for _ in range(2):
                # The writer may have taken what the flush before it has freed.
                if (what, status) == ("compact", 507) and not again:
                    time.sleep(0.2)
                    status, answer = world.server.ask(*request)
            seen.append(status)
            if what == "delete":
                record.writes.append((what, key, start, time.monotonic(), status, None))
            elif time.monotonic() - start > LONGEST:
                record.fault(f"HUNG: {what} for {time.monotonic() - start:.1f} s")
        record.notes.append(f"delete, flush, compact, delete, snapshot: {seen}")
        # Nothing helps against one that takes the reserve as it is given up.
        if not again and seen[:4] != [200] * 4:
            record.fault(f"DEAD END: delete, flush, compact, delete {seen[:4]}")
        yield
        os.remove(hog)

    return attack


def no_descriptors(world):
    world.server.held = abuse.opened(world.server, 300, b"POST")
    yield
    for stream in world.server.held:
        stream.close()


# Attacks with flows that differ: they get a world whose server runs without load, and return when it may be restarted.


def cycles(world):
    """Fill, delete, flush and compact, three times; nothing is lost, and there is always a way on."""
    record, server, chance, number = world.record, world.server, random.Random(4), 0

    def done(what, key, one, *request):
        start = time.monotonic()
        status, answer = server.ask(*request)
        record.writes.append((what, key, start, time.monotonic(), status, one))
        return status

    seen = []
    for cycle in range(3):
        mine, full = [], 0
        for _ in range(6000):
            one = document("written", number, WORDS[:3], chance, 400 if number % 3 else 8000)
            number += 1
            status = done("write", one["id"], one, "POST", path("documents?durability=sync"), [one])
            if status == 200:
                mine.append(one["id"])
                full = 0
            elif (full := full + 1) == 3:
                break
        seen.append(f"{len(mine)} then {status}")
        if not mine:
            record.fault(f"DEAD END: nothing can be written in cycle {cycle + 1}")
        if status != 507:
            record.fault(f"on a full disk: {status}")
        question, method, route, body, part = QUESTIONS[0]
        status, answer = server.ask(method, route, body)
        record.answers.append((question, time.monotonic(), time.monotonic(), status, part(answer) if status == 200 else None))
        if status != 200:
            record.fault(f"a search on a full disk: {status} {str(answer)[:90]}")
        if cycle == 1:
            # A restart in the middle of a full disk.
            world.halt()
            server = world.start()
            if server.port is None:
                return record.fault(f"NO START on a full disk: {' '.join(server.said)[:120]}")
            if server.ask("POST", path("count"), {})[0] != 200:
                return record.fault(f"not open on a full disk: {server.ask('GET', '/healthz')[1]}")
        statuses = []
        for key in mine[: len(mine) * 4 // 5]:
            statuses.append(done("delete", key, None, "DELETE", path("documents"), {"ids": [key]}))
        for what in ("flush", "compact"):
            start = time.monotonic()
            statuses.append(server.ask("POST", path(what))[0])
            record.writes.append((what, "", start, time.monotonic(), statuses[-1], None))
        bad = collections.Counter(status for status in statuses if status != 200)
        if bad:
            record.fault(f"DEAD END in cycle {cycle + 1}: {len(statuses)} deletes, flush, compact: {dict(bad)}")
    record.notes.append("; ".join(seen))


def little_memory(world):
    record, server, chance = world.record, world.server, random.Random(6)
    server.ask("PUT", "/v1/collections/big", {"vectors": [{"name": "vector", "dim": 64}]})
    vector = lambda: [round(chance.uniform(-1, 1), 3) for _ in range(64)]
    text = lambda: " ".join(chance.choice(WORDS) for _ in range(30))
    rows = [{"id": str(i), "text": text(), "vector": vector()} for i in range(3000)]
    asked = [("POST", path("documents", "big"), rows[i : i + 100]) for i in range(0, 3000, 100)]
    asked.append(("POST", path("flush", "big"), None))
    asked.append(("POST", path("scroll", "big"), {"limit": 10_000}))
    asked.append(("POST", path("search", "big"), {"text": "wing flow", "vector": vector(), "limit": 100}))
    batch = {"requests": [{"text": "wing flow", "vector": vector(), "limit": 100} for _ in range(200)]}
    asked.append(("POST", path("search/batch", "big"), batch))
    queries = [{"id": str(i), "request": {"text": "wing"}, "judgments": {str(i): 1}} for i in range(100)]
    asked.append(("POST", path("evaluate", "big"), {"queries": queries, "depth": 100}))
    asked.append(("POST", path("compact", "big"), None))
    seen = []
    for one in asked:
        start = time.monotonic()
        status, answer = server.ask(*one)
        seen.append(status)
        if status != 200 and isinstance(answer, dict):
            world.reasons[(status, answer.get("code"))] = answer.get("detail", "")
        if time.monotonic() - start > 2 * LONGEST:
            record.fault(f"HUNG: {one[1]} for {time.monotonic() - start:.1f} s")
        if not server.lives():
            return record.fault(f"ENDED at {one[1]} by {server.process.returncode}: {' '.join(server.said[1:])[:300]}")
    counts = " ".join(f"{status}x{n}" for status, n in collections.Counter(seen[:30]).items())
    record.notes.append(f"ingest {counts}; flush, scroll, search, batch, evaluate, compact {seen[30:]}")
    if 0 in seen:
        record.fault(f"no answer to {seen.count(0)} requests")
    found = read(server, "big")
    acknowledged = 100 * sum(status == 200 for status in seen[:30])
    if found is not None and len(found) < acknowledged:
        record.fault(f"LOST {acknowledged - len(found)} of big")


def clock_environment(world):
    """The environment of a server whose wall clock is in a file; its monotonic clock stays as it is."""
    library = next(iter(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), None)
    if library is None:
        return None
    world.clock = os.path.join(world.base, "clock")
    set_clock(world, "+0d")
    return {
        **os.environ,
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": world.clock,
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


def set_clock(world, text):
    with open(world.clock + "-new", "w") as file:
        file.write(text + "\n")
    os.replace(world.clock + "-new", world.clock)


def server_date(server):
    """The year of the server's clock, as its answers have it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LONGEST)
    try:
        connection.request("GET", "/livez")
        return (connection.getresponse().getheader("date") or "")[5:16]
    finally:
        connection.close()


def clock(world):
    """The wall clock is set back and forward; nothing may depend on it."""
    record, server, dates = world.record, world.server, []
    if world.environment is None:
        record.notes.append("NOT RUN: libfaketime is not there")
        yield
        return
    status, answer = server.ask("POST", path("search"), {"text": "wing", "limit": 1, "cursor": {"reach": 50}})
    token, faults = answer.get("cursor"), []
    for i, jump in enumerate(["-1h", "+2h", "-50y", "+20y", "-1d", "+0d"]):
        set_clock(world, jump)
        time.sleep(0.4)
        system = subprocess.run(["date", "+%d %b %Y"], env=world.environment, capture_output=True, text=True)
        dates.append(f"{jump} {system.stdout.strip()} / {server_date(server)}")
        asked = [
            ("search", "POST", path("search"), {"text": "wing", "limit": 5, "deadline_ms": 2000}),
            ("cursor", "POST", path("search"), {"cursor": token, "limit": 1}),
            ("snapshot", "PUT", path(f"snapshots/s{i}"), None),
            ("snapshots", "GET", path("snapshots"), None),
            ("flush", "POST", path("flush"), None),
            ("verify", "POST", path("verify?level=quick"), None),
            ("healthz", "GET", "/healthz", None),
            ("metrics", "GET", "/metrics", None),
        ]
        for name, *request in asked:
            status, answer = server.ask(*request)
            if status != 200:
                faults.append(f"{name} at {jump}: {status} {str(answer)[:80]}")
            if name == "cursor" and status == 200:
                token = answer.get("cursor", token)
            if name == "snapshots" and status == 200 and len(answer["snapshots"]) != i + 1:
                faults.append(f"{len(answer['snapshots'])} of {i + 1} snapshots at {jump}")
    record.notes.append("date of the system and of an answer: " + ", ".join(dates))
    if "1976" not in dates[2] or not dates[3].endswith("2046"):
        record.fault(f"the clock did not jump: {dates}")
    for text in faults:
        record.fault(text)
    # The restart is in the past.
    set_clock(world, "-10y")
    yield


SEGMENT, LOG, MANIFEST, END = the_segment, the_newest("log-*.wal"), the_newest("MANIFEST-*"), the_newest("LOG-END")
# What a world of an attack is, besides its name and work:
#   damage    what is in the place has to be named by `verify` before it is undone
#   refuses   no write that begins after the attack may be acknowledged
#   lost      the attack takes data away for good
#   within    a restart is tried with the attack in place
#   shared    the other collection is attacked as well
#   own       without load; the work has a flow that differs
DAMAGED = {"damage": True, "within": True}
AWAY = {"refuses": True, "within": True}
ATTACKS = [
    ("nothing, for comparison", lambda world: iter([None]), {}),
    ("segment cut short", spoiled(cut), DAMAGED),
    ("segment rewritten in place", spoiled(rewritten), DAMAGED),
    ("segment rewritten, its times kept", spoiled(times_kept), DAMAGED),
    ("segment rewritten through a map", spoiled(through_a_map), DAMAGED),
    ("segment grown", spoiled(grown), DAMAGED),
    ("segment renamed over", spoiled(renamed_over), DAMAGED),
    ("segment removed", spoiled(deleted), DAMAGED),
    ("log cut short", spoiled(lambda n, l: os.truncate(n, 8 << 10), LOG, False), DAMAGED),
    ("log rewritten in place", spoiled(lambda n, l: rewritten(n, l, 0.0, 0.5), LOG, False), DAMAGED),
    ("log removed", spoiled(deleted, LOG), {"refuses": True, **DAMAGED}),
    ("manifest cut short", spoiled(cut, MANIFEST), DAMAGED),
    ("LOG-END removed", spoiled(deleted, the_newest("LOG-END")), {"within": True, "damage": None}),
    ("manifest removed", spoiled(deleted, MANIFEST), {"within": True, "damage": None}),
    ("directory moved", moved("target"), AWAY),
    ("directory removed", removed, {**AWAY, "lost": True}),
    ("directory replaced by another's", replaced, {"refuses": True}),
    ("directory replaced by a link to another's", linked_to("victim"), {"refuses": True}),
    ("directory replaced, then dropped and more", replaced_and_used, {"refuses": True}),
    ("directory replaced by a link to itself", linked_to("aside"), {}),
    ("root moved", moved("root"), {"refuses": True, "shared": True}),
    ("root moved and replaced, then used", root_moved_and_used, {"refuses": True, "shared": True}),
    ("snapshots a link to another's", snapshots_a_link, {}),
    ("learning a link to another's", learning_a_link, {}),
    ("LOCK removed", lock_of("target", None), {"refuses": True}),
    ("LOCK a link", lock_of("target", link_to_another), AWAY),
    ("LOCK a FIFO", lock_of("target", fifo), AWAY),
    ("LOCK a directory", lock_of("target", directory), AWAY),
    ("LOCK of the root removed", lock_of("root", None), {}),
    ("LOCK of the root a link", lock_of("root", link_to_another), {"within": True, "shared": True}),
    ("LOCK of the root a FIFO", lock_of("root", fifo), {"within": True, "shared": True}),
]
KINDS = [("a FIFO", fifo), ("a link to itself", link), ("a link to another's", link_to_another), ("a directory", directory)]
for called, which in [("segment", SEGMENT), ("log", LOG), ("manifest", MANIFEST), ("LOG-END", END)]:
    for kind, make in KINDS:
        ATTACKS.append((f"{called} {kind}", exchanged(which, make), {**DAMAGED, "refuses": called == "log"}))
USER = {"user": True}
# 300 connections are before each of ours, and each may stay for a second in one of 32 places.
CROWD = {"recovers": True, "shared": True, "bound": 15}
FILLED = {"small": True, "shared": True, "recovers": True, "length": 300}
ATTACKS += [
    ("no rights on the directory", rights(lambda w: [w.target]), {**USER, "within": True}),
    ("no rights on the root", rights(lambda w: [w.root]), {**USER, "shared": True, "within": True}),
    ("no rights on the log", rights(lambda w: [LOG(w)]), {**USER, "within": True}),
    ("no rights on the manifest", rights(lambda w: [MANIFEST(w)]), {**USER, "within": True}),
    ("no rights on a segment", rights(lambda w: [SEGMENT(w)]), {**USER, "within": True}),
    ("no rights on any file", rights(every_file), {**USER, "within": True}),
    ("read-only tmpfs", remount, {"disk": "tmpfs:300m", "shared": True}),
    ("read-only ext4, as after a failure", remount, {"disk": "ext4:300m", "shared": True, "refuses": True}),
    ("ext4 unmounted lazily", unmounted, {"disk": "ext4:300m", "shared": True, "refuses": True}),
    ("full disk of 6 MB, in cycles", cycles, {"disk": "tmpfs:6m", "own": True, "small": True}),
    ("full disk of 20 MB, in cycles", cycles, {"disk": "tmpfs:20m", "own": True, "small": True}),
    ("full disk of 60 MB, in cycles", cycles, {"disk": "tmpfs:60m", "own": True, "small": True}),
    ("another fills tmpfs of 20 MB", filled_by_another(False), {"disk": "tmpfs:20m", **FILLED}),
    ("another fills tmpfs of 60 MB", filled_by_another(False), {"disk": "tmpfs:60m", **FILLED}),
    ("another fills ext4 of 100 MB", filled_by_another(False), {"disk": "ext4:100m", **FILLED}),
    (
        "root fills ext4 of 100 MB, 5 % of it root's",
        # Blocks that are given up are root's there.
        filled_by_another(True),
        {"disk": "ext4:100m", "reserved": 5, "user": True, **FILLED},
    ),
    ("another fills tmpfs of 20 MB, copied with holes", filled_by_another(False), {"disk": "tmpfs:20m", **FILLED, "holes": True}),
    ("another keeps tmpfs of 20 MB full", filled_by_another(True), {"disk": "tmpfs:20m", **FILLED}),
    ("64 descriptors, 300 connections", no_descriptors, {"limits": [(resource.RLIMIT_NOFILE, 64)], **CROWD}),
    ("128 descriptors, 300 connections", no_descriptors, {"limits": [(resource.RLIMIT_NOFILE, 128)], **CROWD}),
    ("memory of 2 GiB", little_memory, {"limits": [(resource.RLIMIT_AS, 2048 * MIB)], "own": True}),
    ("clock set back and forward", clock, {"environment": clock_environment, "recovers": True}),
]
