"""A directory with a server on it, its clients, and what every attack begins with."""

import glob
import hashlib
import json
import os
import random
import shutil
import subprocess
import tempfile
import threading
import time

import abuse
from client import IN_LOG, IN_SEGMENT, QUESTIONS, SEGMENTS, WORDS, Server, document, path
from judge import LONGEST, Record

MIB = abuse.MIB
USER_ID = 65534
PRECIOUS = b"what another owner needs\n" * 40


class Load:
    """A writer and two searchers at a server."""

    def __init__(self, world):
        self.world, self.record, self.stop = world, world.record, threading.Event()
        self.threads = [threading.Thread(target=self.write, daemon=True)]
        self.threads += [threading.Thread(target=self.search, args=(i,), daemon=True) for i in range(2)]
        for thread in self.threads:
            thread.start()

    def call(self, *request):
        server = self.world.server
        start = time.monotonic()
        if server is None or server.port is None:
            time.sleep(0.05)
            return start, start, -1, None
        status, answer = server.ask(*request)
        end = time.monotonic()
        if server is not self.world.server:
            # The server was ended by us at the same time.
            status = status or -1
        if status in (0, -1):
            time.sleep(0.02)
        return start, end, status, answer

    def write(self):
        chance, number = random.Random(5), 0
        words = "harbour quay mast keel anchor buoy rope deck".split()
        while not self.stop.is_set():
            one = document("written", number, words, chance, self.world.length)
            start, end, status, answer = self.call("POST", path("documents?durability=sync"), [one])
            self.note("write", one["id"], start, end, status, one, answer)
            if number % 7 == 6:
                key = f"w{number - 3}"
                start, end, status, answer = self.call("DELETE", path("documents"), {"ids": [key]})
                self.note("delete", key, start, end, status, None, answer)
            if number % 60 == 59 and not self.world.options.get("damage"):
                start, end, status, answer = self.call("POST", path("flush"), None)
                self.note("flush", "", start, end, status, None, answer)
            number += 1
            time.sleep(0.005 if status == 200 else 0.05)

    def note(self, what, key, start, end, status, one, answer):
        if status == -1:
            status = 0
        if status == 200 and key and not answer.get("durable"):
            # Done, and not acknowledged as durable.
            status = 299
        self.record.writes.append((what, key, start, end, status, one))
        if status >= 400 and isinstance(answer, dict):
            self.world.reasons[(status, answer.get("code"))] = answer.get("detail", "")

    def search(self, first):
        i = first * 7
        while not self.stop.is_set():
            question, method, route, body, part = QUESTIONS[i % len(QUESTIONS)]
            i += 1
            start, end, status, answer = self.call(method, route, body)
            if status != -1:
                answer = part(answer) if status == 200 else answer
                self.record.answers.append((question, start, end, status, answer))
            time.sleep(0.004)

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(6 * LONGEST)


class World:
    """A directory with a server on it: `root` has the collections `target` and `others`; `victim` is another owner's."""

    def __init__(self, binary, template, options):
        self.binary, self.options, self.record, self.reasons = binary, options, Record(), {}
        self.server, self.mounted, self.length = None, None, options.get("length", 12)
        self.base = tempfile.mkdtemp(prefix="attack-")
        if kind := options.get("disk"):
            self.mount(kind)
        self.root, self.victim = os.path.join(self.base, "root"), os.path.join(self.base, "victim")
        self.aside = os.path.join(self.base, "aside")
        self.precious = os.path.join(self.base, "precious")
        copy(template.root, self.root, options.get("holes", not options.get("small")))
        self.target = os.path.join(self.root, os.path.basename(template.target))
        if not options.get("disk", "").startswith("tmpfs"):
            copy(template.victim, self.victim)
            with open(self.precious, "wb") as file:
                file.write(PRECIOUS)
        self.prefix = []
        if options.get("user"):
            for folder, _, files in os.walk(self.base):
                for name in [folder, *(os.path.join(folder, file) for file in files)]:
                    os.chown(name, USER_ID, USER_ID)
            self.prefix = ["setpriv", "--reuid", str(USER_ID), "--regid", str(USER_ID), "--clear-groups"]
        if self.mounted:
            # What was copied is not lost by a failure that comes later.
            os.sync()
        self.limits, self.environment = options.get("limits", ()), options.get("environment")
        if callable(self.environment):
            self.environment = self.environment(self)

    def mount(self, kind):
        what, size = kind.split(":")
        if what == "tmpfs":
            command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.base]
        else:
            self.image = self.base + ".img"
            with open(self.image, "wb") as file:
                file.truncate(int(size.rstrip("m")) * MIB)
            share = str(self.options.get("reserved", 0))
            subprocess.run(["mkfs.ext4", "-q", "-m", share, self.image], check=True)
            found = subprocess.run(["losetup", "--show", "-f", self.image], check=True, capture_output=True, text=True)
            self.loop = found.stdout.strip()
            command = ["mount", self.loop, self.base]
        subprocess.run(command, check=True)
        self.mounted = what

    def start(self, **more):
        """Starts a server, and says if that took too long."""
        options = {"prefix": self.prefix, "limits": self.limits, "environment": self.environment, **more}
        self.server = Server(self.binary, self.root, **options)
        if self.server.took > LONGEST:
            self.record.fault(f"HUNG: start for {self.server.took:.1f} s")
        return self.server

    def halt(self):
        """Ends the server; a fault if it had ended by itself or does not end."""
        server, self.server = self.server, None
        if server is None:
            return
        if server.port is not None and not server.lives() and not any("ENDED" in f for f in self.record.faults):
            self.record.fault(f"ENDED by {server.process.returncode}: {' '.join(server.said[-2:])[-200:]}")
        took, code = server.end()
        if took > LONGEST:
            self.record.fault(f"HUNG: end for {took:.1f} s")
        if code and code < 0 and server.port is not None and not any("ENDED" in f for f in self.record.faults):
            self.record.fault(f"ENDED by {code}")

    def command(self, *arguments, wait=4 * LONGEST, user=True):
        """Exit code and last line of a command."""
        start = time.monotonic()
        try:
            prefix = self.prefix if user else []
            done = subprocess.run([*prefix, self.binary, *arguments], capture_output=True, text=True, timeout=wait)
        except subprocess.TimeoutExpired:
            self.record.fault(f"HUNG: {arguments[0]}")
            return -1, "hung"
        if time.monotonic() - start > LONGEST:
            self.record.fault(f"HUNG: {arguments[0]}")
        if done.returncode < 0:
            self.record.fault(f"ENDED: {arguments[0]} by {done.returncode}")
        return done.returncode, (done.stdout + done.stderr).strip().replace(self.base, "")

    def second_writer(self, where=None):
        """A second writer is refused as long as the server has the collection open."""
        rows = os.path.join(tempfile.gettempdir(), f"attack-rows-{os.getpid()}.jsonl")
        with open(rows, "w") as file:
            file.write(json.dumps(document("second", 0, WORDS, random.Random(1))) + "\n")
        code, said = self.command("ingest", where or self.target, "--jsonl", rows)
        os.remove(rows)
        self.record.notes.append(f"second writer: exit {code}")
        if code == 0:
            self.record.fault("a SECOND WRITER was let in")
        return said

    def verify(self):
        code, said = self.command("verify", self.target)
        return code, said.splitlines()[0][:120] if said else ""

    def others(self):
        """The collection that is not attacked has to be served."""
        if self.options.get("small"):
            return
        status, _ = self.server.ask("POST", path("documents", "others"), [{"id": "x", "text": "wing"}])
        found, answer = self.server.ask("POST", path("search", "others"), {"text": "wing"})
        if not self.options.get("shared") and (status, found) != (200, 200):
            self.record.fault(f"another collection answers {status}, {found}: {str(answer)[:100]}")

    def clean(self):
        if self.server is not None:
            self.server.end()
        if self.mounted:
            for _ in range(20):
                if subprocess.run(["umount", self.base], capture_output=True).returncode == 0:
                    break
                time.sleep(0.2)
            if self.mounted == "ext4":
                subprocess.run(["losetup", "-d", self.loop], capture_output=True)
                os.remove(self.image)
        shutil.rmtree(self.base, ignore_errors=True)


def copy(source, target, holes=True):
    """Copies a tree; without holes, the space that is reserved in it is so in the copy."""
    sparse = "always" if holes else "never"
    subprocess.run(["cp", "-a", f"--sparse={sparse}", source, target], check=True)


def state(folder):
    """A hash of every file and link in a folder."""
    found = {}
    for at, folders, files in os.walk(folder):
        for name in folders + files:
            whole = os.path.join(at, name)
            if os.path.islink(whole):
                found[os.path.relpath(whole, folder)] = os.readlink(whole)
            elif os.path.isfile(whole):
                with open(whole, "rb") as file:
                    found[os.path.relpath(whole, folder)] = hashlib.sha256(file.read()).hexdigest()
            else:
                found[os.path.relpath(whole, folder)] = None
    return found


class Template:
    """What every attack begins with: it is made once and copied."""

    def __init__(self, binary):
        self.base = tempfile.mkdtemp(prefix="attack-template-")
        self.root = os.path.join(self.base, "root")
        server, chance = Server(binary, self.root), random.Random(2)
        fields = {"vectors": [{"name": "vector", "dim": 8}]}
        server.ask("PUT", "/v1/collections/target", fields)
        # The one directory so far.
        self.target = next(os.path.dirname(p) for p in glob.glob(os.path.join(self.root, "*", "LOCK")))
        rows = [document("fixed", i, WORDS, chance) for i in range(SEGMENTS * IN_SEGMENT + IN_LOG)]
        for start in range(0, len(rows), IN_SEGMENT):
            server.ask("POST", path("documents"), rows[start : start + IN_SEGMENT])
            if start + IN_SEGMENT <= len(rows):
                server.ask("POST", path("flush"))
        server.ask("PUT", "/v1/collections/others", {})
        server.ask("POST", path("documents", "others"), [{"id": str(i), "text": "wing"} for i in range(50)])
        server.ask("POST", path("flush", "others"))
        self.documents, self.right = {row["id"]: row for row in rows}, {}
        for question, method, route, body, part in QUESTIONS:
            status, answer = server.ask(method, route, body)
            if status != 200:
                raise SystemExit(f"{question}: {status} {answer}")
            self.right[question] = part(answer)
        server.end()
        # Another owner's collection, of the same name and fields.
        server, other = Server(binary, self.base + "/another"), random.Random(9)
        server.ask("PUT", "/v1/collections/target", fields)
        rows = [document("victim", i, WORDS, other) for i in range(200)]
        server.ask("POST", path("documents"), rows[:150])
        server.ask("POST", path("flush"))
        server.ask("POST", path("documents"), rows[150:])
        server.end()
        self.victim = next(os.path.dirname(p) for p in glob.glob(self.base + "/another/*/LOCK"))

    def clean(self):
        shutil.rmtree(self.base, ignore_errors=True)


def small(binary, template):
    """The template on a disk of a few megabytes: without the reserved length of log files."""
    made = Template.__new__(Template)
    made.__dict__.update(template.__dict__)
    made.base = tempfile.mkdtemp(prefix="attack-small-")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", made.base], check=True)
    made.root = os.path.join(made.base, "root")
    server = Server(binary, made.root)
    server.ask("PUT", "/v1/collections/target", {"vectors": [{"name": "vector", "dim": 8}]})
    made.target = next(os.path.dirname(p) for p in glob.glob(os.path.join(made.root, "*", "LOCK")))
    rows = list(template.documents.values())
    for start in range(0, len(rows), IN_SEGMENT):
        server.ask("POST", path("documents"), rows[start : start + IN_SEGMENT])
        if start + IN_SEGMENT <= len(rows):
            server.ask("POST", path("flush"))
    server.end()
    return made
