"""The record of a run, and what is wrong with it."""

import collections
import json

# No answer, start or stop may take longer, in seconds.
LONGEST = 5.0
# A segment that was written to is refused at most this long after it (docs/operations.md), with the pauses of the clock.
NOTICED = 0.02


class Record:
    """What was seen of a run; the judge needs nothing else."""

    def __init__(self):
        # Of the writer: (what, id or nothing for a flush, start, end, status, document).
        self.writes = []
        # Of the searchers: (question, start, end, status, answer).
        self.answers = []
        # Right answers by question, and the documents that were there before, by id.
        self.right, self.right_documents = {}, {}
        # Documents that are there after the restart, by id; None if they cannot be known.
        self.found = None
        # Moments that the attack began, was done, was undone and that the load ended.
        self.begun = self.done = self.undone = self.over = float("inf")
        # When a server was started with the attack in place, if it says that the collection is not open.
        self.reported = float("inf")
        # False once acknowledgements after the attack are of writes that cannot be kept.
        self.may_acknowledge = True
        # False if what the attack took away is not put back.
        self.put_back = True
        # Seconds that an answer may take.
        self.bound = LONGEST
        self.faults, self.notes = [], []

    def fault(self, text):
        if text not in self.faults:
            self.faults.append(text)


def judge(record):
    """The faults of a run, in words."""
    faults = list(record.faults)
    if record.put_back and record.found is not None:
        lost, risen = kept(record)[2:]
        if lost:
            faults.append(f"LOST {len(lost)}: {lost[:3]}")
        if risen:
            faults.append(f"deleted ones are back: {risen[:3]}")
    wrong = collections.Counter()
    for question, start, end, status, answer in record.answers:
        if start <= record.done + NOTICED and end >= record.begun and status == 200:
            if answer != record.right[question]:
                record.notes.append("an answer within the first 20 ms differed")
            continue
        if status == 404 and start >= record.reported:
            continue
        if status == 404 or (status == 200 and answer != record.right[question]):
            wrong[f"{question[0]} {status}"] += 1
    faults += [f"WRONG ANSWER: {what} x{count}" for what, count in wrong.items()]
    if not record.may_acknowledge:
        bad = [w for w in record.writes if w[1] and w[4] == 200 and record.done < w[2] and w[3] < record.undone]
        if bad:
            faults.append(f"ACKNOWLEDGED {len(bad)} that cannot be kept")
    record.longest = max(((end - start, what) for what, start, end in calls(record)), default=(0, ""))
    if record.longest[0] > record.bound:
        faults.append(f"HUNG: {record.longest[1]} for {record.longest[0]:.1f} s")
    return faults


def calls(record):
    for what, _, start, end, _, _ in record.writes:
        yield what, start, end
    for question, start, end, _, _ in record.answers:
        yield question[0], start, end


def kept(record):
    """The count of documents that have to be there, of those that are, and the ids that are lost and that came back."""
    must, may = dict(record.right_documents), set()
    for what, key, _, _, status, document in record.writes:
        if not key:
            continue
        if status == 200:
            may.discard(key)
            must[key] = document if what == "write" else None
        elif status != 400:
            # It may have been done or not.
            may.add(key)
    wanted = {key: document for key, document in must.items() if key not in may}
    lost = [k for k, d in wanted.items() if d is not None and shape(record.found.get(k)) != shape(d)]
    risen = [k for k, d in wanted.items() if d is None and k in record.found]
    there = sum(d is not None for d in wanted.values())
    return there, there - len(lost), sorted(lost), sorted(risen)


def shape(document):
    """What of a document has to be equal, as it is sent and as it is read."""
    if document is None:
        return None
    text = document.get("text")
    text = text.get("text") if isinstance(text, dict) else text
    vector = document.get("vector") or document.get("vectors", {}).get("vector")
    return text, tuple(vector or ()), json.dumps(document.get("payload"), sort_keys=True)
