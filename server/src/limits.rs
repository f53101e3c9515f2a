//! Every limit of the server, named once, with its unit and its reason.

use std::time::Duration;

/// Connections open at once, and half of the process's descriptors at most. If one more comes, one goes whose client is
/// waited for, or it waits in the kernel's queue.
pub const MAX_CONNECTIONS: usize = 1_024;
/// Connections that wait in the kernel's queue, at most.
pub const BACKLOG: u32 = 1_024;
/// Time that a connection has for itself before it may have to go for another one.
pub const LEAST_STAY: Duration = Duration::from_secs(1);
/// Time until connections are accepted again after the system had no descriptor for one, unless one ends before.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Bytes of a request's head.
pub const MAX_HEADER_BYTES: usize = 16 << 10;
/// Time a client has to send the head of a request: a slow one must not hold a connection.
pub const HEADER_DEADLINE: Duration = Duration::from_secs(10);
/// Time between two writes of when keys were used last; a crash loses what was used since.
pub const LAST_USE_PAUSE: Duration = Duration::from_secs(60);
/// Time for which a rotated key is accepted as well, if the request says none: a day to give programs the new one.
pub const DEFAULT_KEY_OVERLAP: Duration = Duration::from_secs(24 * 3600);
/// Bytes of the id that a client may give to a request; a longer one is replaced.
pub const MAX_REQUEST_ID_BYTES: usize = 128;
/// Time of a search from which the log has its stages and plan, if the configuration says none.
pub const SLOW_QUERY: Duration = Duration::from_secs(1);
/// Bytes of a body that the log has where it is asked for them: the words of a search, and the first part of its vector.
pub const MAX_LOGGED_BODY_BYTES: usize = 2 << 10;
/// Bytes of a request's body.
pub const MAX_BODY_BYTES: usize = 32 << 20;
/// Time a client has to send the body of a request.
pub const BODY_DEADLINE: Duration = Duration::from_secs(30);
/// Longest pause within a body: a client that announces one and does not send it holds its connection no longer.
pub const BODY_IDLE_DEADLINE: Duration = Duration::from_secs(10);
/// Bytes of each body, and of each answer, that are its own, 64 MiB for all connections: small requests are served when
/// large ones fill the memory for bodies and answers.
pub const OWN_BYTES: usize = 64 << 10;
/// Memory of all requests together: what bodies take beyond their own as they arrive, the JSON that is read from them, and
/// answers until they are sent. A quarter of the address space if that is limited and less.
pub const MAX_MEMORY_BYTES: usize = 384 << 20;
/// Memory of the JSON that is read from one body, estimated before it is read. Small values take many times their length.
pub const MAX_JSON_BYTES: usize = 256 << 20;
/// Length from which a body is read off the event loop, and its JSON is estimated: one core reads so much in a
/// millisecond, and no JSON of this length takes more than 64 MiB.
pub const LARGE_BODY_BYTES: usize = 64 << 10;
/// Address space that a process needs to serve (`ulimit -v`), as an allocation that fails ends the process: its threads and
/// allocator take 350 MiB before a request comes, rows that wait for a flush and the segment that is made of them 500 MiB,
/// requests 384 MiB, and segment files their lengths.
pub const LEAST_ADDRESS_SPACE: u64 = 2 << 30;
/// Memory of the hits, rows or rankings that one request finds. A quarter of the address space that is left if that is less.
pub const MAX_FOUND_BYTES: u64 = 192 << 20;
/// Bytes of one answer as JSON.
pub const MAX_ANSWER_BYTES: u64 = 128 << 20;
/// Time until a second connection goes for the memory of a body, after the first one gave back too little.
pub const MEMORY_PAUSE: Duration = Duration::from_millis(100);
/// Bytes of answers that the kernel takes of a connection in advance, of which a third is read before it takes more. With
/// the megabytes that it takes by itself, a client that reads steadily would seem to read nothing for a minute.
pub const SEND_BUFFER_BYTES: u32 = 64 << 10;
/// Time in which a client has to read [`LEAST_READ_BYTES`] of an answer that waits for it.
pub const WRITE_DEADLINE: Duration = Duration::from_secs(10);
/// Bytes to read in that time: slower clients would hold large answers for longer than anyone waits for them.
pub const LEAST_READ_BYTES: usize = 64 << 10;
/// Memory that the vectors of one write's rows may take in a segment, with space for those that rows do not have.
pub const MAX_ROWS_BYTES: usize = lexivec::limits::FLUSH_VECTOR_BYTES;
/// Time a search may wait for a permit and run; after it the answer is 503.
pub const SEARCH_DEADLINE: Duration = Duration::from_secs(10);
/// Time within which as many searches are done as may wait for a permit; one more is answered 503 at once.
pub const MAX_WAIT: Duration = Duration::from_secs(1);
/// Searches that may wait however slow they are.
pub const MIN_WAITING_SEARCHES: usize = 64;
/// Calls that may wait for one sort of work however quick it is: one of each connection.
pub const MAX_WAITING: usize = MAX_CONNECTIONS;
/// Searches of a batch that is answered like a search; a larger one is done in the background.
pub const MAX_QUICK_BATCH: usize = 16;
/// Hits or rows of a search or a page that is answered like others; more are found in the background.
pub const MAX_QUICK_ROWS: usize = 1_000;
/// Time for which an evaluation, a tuning, a training or a measurement of recall runs.
pub const MEASURE_DEADLINE: Duration = Duration::from_secs(600);
/// Time for which a call waits for a permit for a write, or for work in the background.
pub const BACKGROUND_WAIT: Duration = Duration::from_secs(30);
/// Calls that wait for one sort of work in the background; one more is answered 503 at once.
pub const MAX_WAITING_BACKGROUND: usize = 16;
/// Steps by which work in the background comes after other work on a processor: it gets about a tenth of what a search
/// gets.
pub const BACKGROUND_NICE: i32 = 10;
/// Writes that run at once; they share their syncs.
pub const MAX_WRITES: usize = 16;
/// Writes to one collection that may wait however slow they are; one more is answered 503 at once.
pub const MAX_WAITING_WRITES: usize = 16;
/// Threads that block, at most: more than there are permits for searches, writes and work in the background. Each has a
/// stack of 2 MiB of address space.
pub const MAX_BLOCKING_THREADS: usize = 64;
/// Calls of /v1/embeddings and /v2/rerank that wait for a permit; one more is answered 503 at once.
pub const MAX_WAITING_MODEL_CALLS: usize = 64;
/// Time such a call may wait and run; after it the answer is 503. A search's is too short for them:
/// one processor takes 2,048 sentences through MiniLM in 20 s.
pub const MODEL_DEADLINE: Duration = Duration::from_secs(60);
/// Texts of one call of /v1/embeddings, as many as OpenAI takes.
pub const MAX_EMBED_TEXTS: usize = 2_048;
/// Documents of one call of /v2/rerank, the most that Cohere recommends.
pub const MAX_RERANK_DOCUMENTS: usize = 1_000;
/// Bytes of all texts of such a call: about a million tokens, more than are done within the deadline.
pub const MAX_TEXTS_BYTES: usize = 4 << 20;
/// Texts embedded between two checks of the deadline.
pub const EMBED_BATCH: usize = 64;
/// Documents of one request.
pub const MAX_DOCUMENTS: usize = 10_000;
/// Searches of one request.
pub const MAX_REQUESTS: usize = 1_000;
/// Queries of one measurement of recall: each is answered by a scan, too.
pub const MAX_RECALL_QUERIES: usize = 1_000;
/// Cursors open at once: each keeps the generation it was opened on. One more closes the one that was not
/// used for longest.
pub const MAX_CURSORS: usize = 256;
/// Rows that all open cursors keep, about 220 bytes each; more close those that were not used for longest.
pub const MAX_CURSOR_ROWS: usize = 500_000;
/// Time after which a cursor that is not used is closed: people read a page before they want the next.
pub const CURSOR_IDLE: Duration = Duration::from_secs(300);
/// Time between two looks for cursors to close and for files of TLS and keys that have changed.
pub const UPKEEP_PAUSE: Duration = Duration::from_secs(2);
/// Time that requests under way have to end after a signal to stop.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(30);
/// Bytes of one message of an agent, over HTTP and as a line of stdin. It is read on the event loop, in 16 ms at most.
pub const MAX_TOOL_MESSAGE_BYTES: usize = 1 << 20;
/// Bytes of what a tool answers, as JSON: about 16,000 tokens, as much as an agent's context has space for.
pub const MAX_TOOL_ANSWER_BYTES: usize = 64 << 10;
/// Hits of one search of an agent, which reads each of them.
pub const MAX_TOOL_HITS: usize = 50;
/// Passages of each text of a hit; more of a text is read by `get_documents`.
pub const MAX_TOOL_PASSAGES: usize = 5;
/// Characters of a passage for an agent if the call names no number: a paragraph.
pub const TOOL_PASSAGE_CHARS: usize = 400;
/// Characters of a passage for an agent, at most: a page.
pub const MAX_TOOL_PASSAGE_CHARS: usize = 2_000;
/// Characters of a string in the payload of a hit; `get_documents` returns it whole.
pub const TOOL_PAYLOAD_CHARS: usize = 300;
/// Bytes of the payload of a hit as JSON; `get_documents` returns a longer one.
pub const MAX_TOOL_PAYLOAD_BYTES: usize = 4 << 10;
/// Documents that a call of `get_documents` reads.
pub const MAX_TOOL_READS: usize = 50;
/// Characters of a text that `get_documents` returns if the call names no number: some pages.
pub const TOOL_TEXT_CHARS: usize = 8_000;
/// Documents that a call of a tool writes or deletes; a program that has more of them uses the other routes.
pub const MAX_TOOL_WRITES: usize = 500;
/// Rows whose payloads are looked at to describe those of a collection.
pub const TOOL_SAMPLED_ROWS: usize = 50;
/// Payload paths of the description of a collection.
pub const MAX_TOOL_PATHS: usize = 60;
/// Collections that `list_collections` names.
pub const MAX_TOOL_COLLECTIONS: usize = 200;
/// Threads of the event loop of a process that serves one agent.
pub const TOOL_THREADS: usize = 2;
