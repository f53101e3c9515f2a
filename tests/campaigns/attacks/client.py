"""A server on a directory that is there, and the documents and questions of its clients."""

import http.client
import json
import resource
import signal
import subprocess
import threading
import time

import abuse
from judge import LONGEST

JSON = abuse.JSON
# Documents in each of the segments, and in the log, of the collection that is attacked.
SEGMENTS, IN_SEGMENT, IN_LOG = 3, 100, 30
FIXED, WRITTEN = {"kind": "fixed"}, {"kind": "written"}
WORDS = "wing flow heat layer shock plate jet tube cone lift drag stream body".split()


class Server(abuse.Server):
    """A server on a directory that is there. Its start may fail: then `port` is None and `said` has the reason."""

    def __init__(self, binary, directory, prefix=(), limits=(), environment=None):
        self.directory, self.port, self.said, self.held = directory, None, [], []

        def limit():
            for what, most in limits:
                resource.setrlimit(what, (most, most))

        start = self.started = time.monotonic()
        command = [*prefix, binary, "serve", directory, "--create", "--bind", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=limit if limits else None,
            env=environment,
        )
        ready = threading.Event()

        def read():
            for line in self.process.stdout:
                self.said.append(line.strip())
                if "on http://127.0.0.1:" in line:
                    self.port = int(line.rsplit(":", 1)[1])
                    ready.set()
            ready.set()

        threading.Thread(target=read, daemon=True).start()
        ready.wait(4 * LONGEST)
        self.took = time.monotonic() - start
        if self.port is None:
            self.end()

    def ask(self, method, path, body=None, wait=4 * LONGEST):
        """The status of an answer, with its JSON; 0 if there is none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=wait)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else "", {"content-type": JSON})
            answer = connection.getresponse()
            text = answer.read()
            try:
                return answer.status, json.loads(text)
            except ValueError:
                return answer.status, text.decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            return 0, repr(error)
        finally:
            connection.close()

    def end(self):
        """Ends the server as an operator does; gives the seconds that it took, and its exit code."""
        start = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(4 * LONGEST)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return time.monotonic() - start, self.process.returncode


def document(kind, number, words, chance, length=12):
    vector = [chance.randrange(-8, 9) / 8 for _ in range(7)] + [1.0]
    text = " ".join(chance.choice(words) for _ in range(length))
    return {"id": f"{kind[0]}{number}", "text": text, "vector": vector, "payload": {"kind": kind, "n": number}}


def path(rest, name="target"):
    return abuse.path(rest, name)


def questions():
    """What searchers ask: a name, the method, the route, the body, and what of the answer counts. None of the answers depends
    on what is written at the same time."""
    ids = lambda a: sorted(hit["id"] for hit in a["hits"])
    asked = []
    for i, word in enumerate(WORDS):
        body = {"text": word, "filter": FIXED, "limit": 1000, "with_payload": False}
        asked.append(("text", "POST", path("search"), body, ids))
        vector = [((i * 5 + j * 3) % 17 - 8) / 8 for j in range(7)] + [1.0]
        body = {"vector": vector, "filter": FIXED, "limit": 10, "params": {"exact": True}}
        asked.append(("vector", "POST", path("search"), body, lambda a: [(h["id"], h["score"], h["payload"]) for h in a["hits"]]))
        asked.append(("get", "GET", path(f"documents/f{(i * 37) % 330}"), None, lambda a: a))
    asked.append(("scroll", "POST", path("scroll"), {"filter": FIXED, "limit": 1000}, lambda a: a["documents"]))
    asked.append(("count", "POST", path("count"), {"filter": FIXED}, lambda a: a["count"]))
    facet = {"field": "kind", "filter": FIXED}
    asked.append(("facet", "POST", path("facet"), facet, lambda a: a["values"]))
    return [((name, i), *rest) for i, (name, *rest) in enumerate(asked)]


QUESTIONS = questions()


def read(server, name="target"):
    """All documents of a collection, by id; None if they cannot be read."""
    found, after = {}, None
    while True:
        body = {"limit": 1000} if after is None else {"limit": 1000, "after": after}
        status, answer = server.ask("POST", path("scroll", name), body)
        if status != 200:
            return None
        found.update({one["id"]: one for one in answer["documents"]})
        after = answer.get("next")
        if after is None:
            return found
