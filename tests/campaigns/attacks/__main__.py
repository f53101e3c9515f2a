"""Attacks on the directory, the disk, the descriptors, the memory and the clock of a server under load.

    attacks LEXIVEC [WORD ...]    runs those whose names have one of the words, or all of them
    attacks LEXIVEC --control     runs the judge on a recorded run with one document and one answer changed

It needs Linux and Python 3 alone; as root it also mounts file systems and starts servers of another user, and with
`faketime` it changes their clock. What is missing is said in the row. Each attack meets a new server with a writer and two
searchers, and is undone where that has a meaning; then the server is started again. A row has what callers saw before and during
the attack and after it was undone, what was kept of what was acknowledged, what `verify` said before and after the undoing, and
the faults that the judge found. The last line has the totals; the exit code is 1 if there is a fault.
"""

import collections
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from client import path, read
from judge import LONGEST, NOTICED, judge, kept
from kinds import ATTACKS
from world import PRECIOUS, Load, Template, World, small, state

# Seconds of load before an attack, during it, and after it was undone.
BEFORE, DURING, AFTER = 0.5, 1.2, 1.2


def summed(record, first, last):
    """Statuses of writes and of answers in a span of time."""
    def shown(found):
        counts = collections.Counter(found)
        return " ".join(f"{s}x{n}" for s, n in sorted(counts.items())) or "-"

    writes = [w[4] for w in record.writes if first <= w[2] < last and w[1]]
    answers = [a[3] for a in record.answers if first <= a[1] < last]
    return f"w {shown(writes)} / s {shown(answers)}"


def attacked(world, work):
    """Runs one attack under load, up to the restart; gives what `verify` said with the attack in place."""
    record, options, before = world.record, world.options, ""
    load = Load(world)
    time.sleep(BEFORE)
    steps = work(world)
    record.begun = time.monotonic()
    next(steps)
    record.done = time.monotonic()
    time.sleep(DURING)
    server, damaged, clean = world.server, options.get("damage"), False
    if os.path.exists(world.target) and "damage" in options:
        code, said = world.verify()
        before = f"exit {code}"
        clean = code == 0
        record.notes.append(f"`verify`: {said[:90]}" if code else "`verify` is clean")
        if damaged and clean:
            record.fault("`verify` is clean")
    if server is not None and server.lives():
        for rest in ("flush", "compact", "snapshots/after", "verify"):
            start = time.monotonic()
            status, answer = server.ask("PUT" if "/" in rest else "POST", path(rest))
            if time.monotonic() - start > LONGEST:
                record.fault(f"HUNG: {rest} for {time.monotonic() - start:.1f} s")
            record.notes.append(f"{rest} {status}")
            if rest == "verify" and status == 200 and isinstance(answer, dict):
                record.notes[-1] += f" ({len(answer['problems'])} problems)"
        world.others()
    if options.get("within"):
        world.halt()
        server = world.start()
        if server.port is None:
            record.reported = time.monotonic()
            record.notes.append(f"restart refused: {' '.join(server.said)[:110]}".replace(world.base, ""))
        else:
            in_place(world)
            world.others()
        time.sleep(0.3)
        world.halt()
        record.undone = time.monotonic()
        next(steps, None)
        world.start()
    else:
        record.undone = time.monotonic()
        next(steps, None)
    undone = time.monotonic()
    time.sleep(AFTER)
    load.end()
    record.over = time.monotonic()
    late = [w for w in record.writes if w[0] == "write" and w[2] > undone]
    resumed = any(w[4] == 200 for w in late[-3:])
    record.notes.append("resumes" if resumed else "no write after the undoing")
    if options.get("recovers") and not resumed:
        record.fault(f"does not RECOVER by itself: {[w[4] for w in late[-3:]]}")
    return before


def in_place(world):
    """A server that was started with the attack in place: it serves everything, or says that it does not."""
    record, server = world.record, world.server
    status, answer = server.ask("GET", "/v1/collections/target")
    if status == 200:
        record.notes.append("restart: open")
        found = read(server)
        if found is not None:
            missing = [key for key in record.right_documents if key not in found]
            if missing and world.options.get("within"):
                record.fault(f"restart: {len(missing)} documents are MISSING WITHOUT A WORD")
        return
    unopened = server.ask("GET", "/healthz")[1].get("unopened", [])
    listed = [one for one in unopened if one["directory"] == os.path.basename(world.target)]
    record.notes.append(f"restart: {status}, " + (f"listed: {listed[0]['reason'][33:143]}" if listed else "not listed"))
    if listed or status != 404 or not os.path.exists(world.target):
        record.reported = server.started
    else:
        record.fault("restart: the collection is LEFT OUT WITHOUT A WORD")
    if status == 404 and os.path.exists(world.target):
        start = time.monotonic()
        again, _ = server.ask("PUT", "/v1/collections/target", {})
        if again < 300:
            record.fault(f"restart: a collection that is not open answers 404, and A SECOND ONE OF ITS NAME is made ({again})")
            server.ask("DELETE", "/v1/collections/target")
        # What the searchers asked the second one does not count.
        record.answers = [a for a in record.answers if a[2] < start]


def run(binary, template, name, work, options):
    """One attack; gives its row."""
    world = World(binary, template, options)
    record = world.record
    record.right, record.right_documents = template.right, template.documents
    record.may_acknowledge = not options.get("refuses")
    record.put_back = not options.get("lost")
    record.bound = options.get("bound", LONGEST)
    victim, before = (state(world.victim) if os.path.isdir(world.victim) else None), ""
    try:
        if world.start().port is None:
            record.fault(f"NO START: {' '.join(world.server.said)[:160]}")
            return world, before, ""
        if options.get("own"):
            record.begun = record.done = time.monotonic() - 1
            work(world)
        else:
            before = attacked(world, work)
        world.halt()
        world.limits = ()
        server = world.start()
        if server.port is None:
            if record.put_back:
                record.fault(f"NO START after it: {' '.join(server.said)[:160]}")
            return world, before, ""
        record.found = read(server)
        if record.found is None and record.put_back:
            record.fault(f"not open after it: {str(server.ask('GET', '/healthz')[1])[:200]}")
        world.others()
        world.halt()
        after = ""
        if record.put_back:
            code, said = world.verify()
            after = f"exit {code}"
            if code:
                record.fault(f"`verify` after it: {said}")
        if victim is not None and state(world.victim) != victim:
            record.fault("another owner's collection was CHANGED")
        if os.path.exists(world.precious):
            with open(world.precious, "rb") as file:
                if file.read() != PRECIOUS:
                    record.fault("a file of another owner was OVERWRITTEN")
        return world, before, after
    except Exception as error:
        record.fault(f"the attack failed: {error!r}")
        return world, before, ""
    finally:
        world.clean()


def show(name, world, before, after):
    record = world.record
    faults = judge(record)
    there = kept(record)[:2] if record.found is not None else None
    acknowledged = sum(bool(w[1]) and w[4] == 200 for w in record.writes)
    print(f"{name}", flush=True)
    print(f"    seen   before {summed(record, 0, record.begun)}; during {summed(record, record.begun, record.undone)}; "
          f"undone {summed(record, record.undone, float('inf'))}")
    for (status, code), detail in sorted(world.reasons.items(), key=str):
        print(f"           {status} {code}: {detail[:150].replace(world.base, '')}")
    count = f"{there[1]} of {there[0]}" if there else "nothing to keep"
    print(f"    kept   {count}; verify during {before or '-'}, after {after or '-'}")
    print(f"    longest {record.longest[0]:.2f} s, {record.longest[1]}")
    print(f"    notes  {'; '.join(dict.fromkeys(record.notes))}")
    print(f"    {'FAULT  ' + ' | '.join(faults) if faults else 'sound'}", flush=True)
    return acknowledged, len(record.answers), there or (0, 0), faults


def control(binary):
    """The judge on a run without an attack, as it is and with two changes."""
    template = Template(binary)
    try:
        world, _, _ = run(binary, template, "control", lambda world: iter([None]), {})
    finally:
        template.clean()
    record = world.record
    sound = judge(record)
    key = next(w[1] for w in reversed(record.writes) if w[0] == "write" and w[4] == 200 and w[1] in record.found)
    del record.found[key]
    lost = any(f.startswith("LOST 1") and key in f for f in judge(record))
    at = next(i for i, a in enumerate(record.answers) if a[0][0] == "vector" and a[3] == 200 and a[1] > record.done + NOTICED)
    question, start, end, status, answer = record.answers[at]
    record.answers[at] = (question, start, end, status, answer[1:])
    wrong = any(f.startswith("WRONG ANSWER: vector 200 x1") for f in judge(record))
    print(f"control: {len(record.writes)} writes, {len(record.answers)} answers; unchanged: {sound or 'sound'}; "
          f"a document removed: {'found' if lost else 'MISSED'}; an answer changed: {'found' if wrong else 'MISSED'}")
    return not (lost and wrong and not sound)


def main():
    binary = os.path.abspath(sys.argv[1])
    if sys.argv[2:] == ["--control"]:
        sys.exit(control(binary))
    chosen = [one for one in ATTACKS if not sys.argv[2:] or any(word in one[0] for word in sys.argv[2:])]
    template, little, totals, faulty = Template(binary), None, [0, 0, 0, 0], []
    try:
        for name, work, options in chosen:
            if os.getuid() and (options.get("disk") or options.get("user")):
                print(f"{name}: NOT RUN, needs root")
                continue
            if options.get("small") and little is None:
                little = small(binary, template)
            row = show(name, *run(binary, little if options.get("small") else template, name, work, options))
            totals = [a + b for a, b in zip(totals, [row[0], row[1], *row[2]])]
            faulty += [name] if row[3] else []
    finally:
        template.clean()
        if little is not None:
            subprocess.run(["umount", little.base])
            os.rmdir(little.base)
    print(f"{len(chosen)} attacks, {totals[0]} acknowledged writes, {totals[1]} answers, {totals[3]} of {totals[2]} documents kept, "
          f"{len(faulty)} attacks with faults: {faulty}")
    sys.exit(bool(faulty))


if __name__ == "__main__":
    main()
