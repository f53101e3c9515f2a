//! Every limit of the engine, named once, with its unit and its reason.

/// Longest document id, in bytes. Ids are keys that every hit carries and every tie compares.
pub const MAX_ID_BYTES: usize = 512;
/// Largest document (id, texts and payload together), in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 1 << 20;
/// Most documents in one batch. A batch is atomic, so it is held in memory whole; one million rows
/// of 384 floats are 1.5 GB, which the smallest machine we build on still holds.
pub const MAX_BATCH_DOCUMENTS: usize = 1_000_000;
/// Largest vector dimension, in components.
pub const MAX_DIMENSION: usize = 65_536;
/// Most token vectors of a row in one field: a passage of the longest that models read has 512 tokens, and
/// each is compared with each of a query's.
pub const MAX_ROW_TOKENS: usize = 1_024;
/// Largest dimension of token vectors, in components: models have 48 to 1,024. The largest row is 1 MiB of
/// codes then, as large as its texts may be.
pub const MAX_TOKEN_DIMENSION: usize = 1_024;
/// Largest HNSW out-degree on the upper levels; level 0 has twice as many.
pub const MAX_M: usize = 128;
/// Largest beam while building a graph.
pub const MAX_EF_CONSTRUCTION: usize = 2_000;
/// Deepest nesting of a payload, in levels.
pub const MAX_PAYLOAD_DEPTH: usize = 64;
/// Most text fields, vector fields and token fields of a collection, each.
pub const MAX_FIELDS: usize = 64;
/// Most profiles of a collection: they are rewritten with every manifest.
pub const MAX_PROFILES: usize = 256;
/// Most collections of a database, unless its options say otherwise: each holds files open and mapped, and has a
/// thread.
pub const MAX_COLLECTIONS: usize = 10_000;
/// Longest field or collection name, in bytes.
pub const MAX_NAME_BYTES: usize = 63;
/// Longest payload string kept in a filter column, in bytes. Rows with a longer one are filtered
/// from their stored payload instead, so the limit costs time and never a hit.
pub const MAX_COLUMN_STRING_BYTES: usize = 8 << 10;
/// Longest term, in bytes; longer tokens are cut here, in documents and queries alike.
pub const MAX_TERM_BYTES: usize = 255;
/// Rows up to which a segment has no graph: an exact scan of so few is as fast as a walk.
pub const DEFAULT_GRAPH_MIN_ROWS: usize = 10_000;
/// Rows with a vector from which a segment has codes: fewer floats are scanned in under 50 microseconds.
pub const CODES_MIN_ROWS: usize = 1_000;
/// Rows a segment in memory may have to be absorbed into the next one, so that many small writes
/// leave a logarithmic number of segments.
pub const ABSORB_MAX_ROWS: u32 = 10_000;
/// Rows not in segment files from which a flush is due: so many are scanned in well under a
/// millisecond, and are replayed in a second.
pub const DEFAULT_FLUSH_ROWS: usize = 10_000;
/// Bytes in the log from which a flush is due.
pub const DEFAULT_FLUSH_BYTES: u64 = 64 << 20;
/// Bytes of a batch from which it becomes a segment file at once instead of a frame in the log.
pub const MAX_LOGGED_BYTES: usize = 64 << 20;
/// Bytes in the log and in no segment file at which writes are refused: flushes fail for some reason,
/// and a recovery has to hold them all.
pub const MAX_UNFLUSHED_BYTES: u64 = 1 << 30;
/// Times the bytes or rows that make a flush due at which a write waits for the flush.
pub const BACKPRESSURE: u64 = 4;
/// Space kept for deletes on a full disk, in bytes: a short log file and a manifest.
pub const RESERVE_BYTES: u64 = 1 << 20;
/// Longest time a write of durability `interval` stays without a sync.
pub const INTERVAL: std::time::Duration = std::time::Duration::from_millis(1_000);
/// Time between two looks of the background thread for what is due.
pub const BACKGROUND_PAUSE: std::time::Duration = std::time::Duration::from_millis(250);
/// Segments of about one size (a tier) from which they are merged.
pub const TIER_SEGMENTS: usize = 4;
/// Times the rows of a tier that make the next one.
pub const TIER_GROWTH: u32 = 4;
/// Share of dead rows (one in this many) from which a segment is rewritten.
pub const DEAD_SHARE: u32 = 3;
/// Segments merged at once at the most; bounds open files and memory.
pub const MAX_MERGED_SEGMENTS: usize = 64;
/// Queries by which a merged graph is compared with the ones it replaces.
pub const GATE_QUERIES: usize = 100;
/// Recall@10 that a merged graph may have less than the ones it replaces.
pub const GATE_MARGIN: f64 = 0.005;
/// Queries of one measurement of recall, at the most.
pub const MAX_RECALL_QUERIES: usize = 100_000;
/// Queries of one tuning, at the most: each is fused under several hundred settings.
pub const MAX_TUNE_QUERIES: usize = 10_000;
/// Rows of a segment that is embedded anew, at the most: they are in memory at once. A compaction joins them.
pub const REEMBED_ROWS: usize = 100_000;
/// Bytes of their texts, likewise.
pub const REEMBED_BYTES: usize = 256 << 20;
/// Relevant rows of one query that an adapter is trained on, at the most: one query is not to outweigh all others.
pub const MAX_QUERY_LESSONS: usize = 100;
/// Relevant rows that an adapter is trained on, at the most: 3 KB each at 384 components, some times over.
pub const MAX_LESSONS: usize = 50_000;
/// Parts of an examination, at the most: each is a training.
pub const MAX_FOLDS: usize = 10;
/// Ids that one query's feedback names, at the most.
pub const MAX_FEEDBACK_IDS: usize = 1_000;
/// Requests answered at once in one batch, at the most.
pub const MAX_BATCH_REQUESTS: usize = 100_000;
/// Times a reader reads what looks damaged again, as a writer may be in the middle of it.
pub const DAMAGE_READS: usize = 3;
/// Recall@10 on sampled rows below which a deep verification calls a graph damaged.
pub const VERIFY_MIN_RECALL: f64 = 0.9;
/// Most rows of one page of a scroll.
pub const MAX_SCROLL_ROWS: usize = 10_000;
/// Hits that a cursor reaches where the caller names no number: ten pages of a hundred.
pub const DEFAULT_REACH: usize = 1_000;
/// Hits that a cursor reaches at the most, those of the offset with them: the legs bring as many.
pub const MAX_REACH: usize = lexivec_query::request::MAX_WINDOW;
/// Length of a log file of a collection in memory, in bytes: nothing is kept by it.
pub const MEMORY_LOG_FILE_BYTES: u64 = 64 << 10;
/// Times a reader looks for the newest generation again when files vanish under it.
pub const OPEN_RETRIES: usize = 16;
/// Longest text handed to an embedder, in bytes; the rest of a longer one is left out.
pub const MAX_EMBED_BYTES: usize = 64 << 10;
/// Calls of a reranker that run at once. More than the searches a machine does at once means that they
/// hang, each with a thread.
pub const MAX_RUNNING_RERANKS: usize = 64;
/// Largest model file read, in bytes.
pub const MAX_MODEL_BYTES: u64 = 4 << 30;
