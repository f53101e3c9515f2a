//! Every limit of the server, named once, with its unit and its reason.

use std::time::Duration;

/// Connections open at once; one more waits in the kernel's queue.
pub const MAX_CONNECTIONS: usize = 1_024;
/// Bytes of a request's head.
pub const MAX_HEADER_BYTES: usize = 16 << 10;
/// Time a client has to send the head of a request: a slow one must not hold a connection.
pub const HEADER_DEADLINE: Duration = Duration::from_secs(10);
/// Bytes of a request's body.
pub const MAX_BODY_BYTES: usize = 32 << 20;
/// Time a client has to send the body of a request.
pub const BODY_DEADLINE: Duration = Duration::from_secs(30);
/// Longest pause within a body: a client that announces one and does not send it holds its connection no longer.
pub const BODY_IDLE_DEADLINE: Duration = Duration::from_secs(10);
/// Bytes of each body that are its own, 64 MiB for all connections: small requests are served when large ones fill the
/// memory for bodies.
pub const OWN_BODY_BYTES: usize = 64 << 10;
/// Bytes of all bodies held at once beyond their own, over all connections. They are taken as they arrive.
pub const MAX_BODIES_BYTES: usize = 256 << 20;
/// Time a search may wait for a permit and run; after it the answer is 503.
pub const SEARCH_DEADLINE: Duration = Duration::from_secs(10);
/// Searches that may wait for a permit; one more is answered 503 at once.
pub const MAX_WAITING_SEARCHES: usize = 64;
/// Writes that run or wait for their turn; one more is answered 503 at once.
pub const MAX_WAITING_WRITES: usize = 16;
/// Evaluations, tunings and comparisons at once; one more is answered 503. Each runs many searches on all
/// threads, without a deadline.
pub const MAX_MEASUREMENTS: usize = 1;
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
/// Time between two searches for cursors to close.
pub const CURSOR_SWEEP: Duration = Duration::from_secs(10);
/// Time that requests under way have to end after a signal to stop.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(30);
