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
/// Most components of all vector fields of a new collection together: a row takes their space, 256 KiB, in a segment even
/// where it has no vectors.
pub const MAX_ROW_COMPONENTS: usize = MAX_DIMENSION;
/// Most token vectors of a row in one field: the longest passage that late-interaction models read has
/// 512 tokens, and each is compared with each token of a query.
pub const MAX_ROW_TOKENS: usize = 1_024;
/// Largest dimension of token vectors, in components: models have 48 to 1,024. The largest row is 1 MiB of
/// codes then, as large as its texts may be.
pub const MAX_TOKEN_DIMENSION: usize = 1_024;
/// Largest HNSW out-degree on the upper levels; level 0 has twice as many.
pub const MAX_M: usize = 128;
/// Most rows of a segment with a graph: a beam has 31 bits for one.
pub const MAX_GRAPH_ROWS: u32 = 1 << 31;
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
/// Rows up to which a segment has no graph: an exact scan of this many is as fast as a walk.
pub const DEFAULT_GRAPH_MIN_ROWS: usize = 10_000;
/// Rows with a vector from which a segment has codes: fewer floats are scanned in under 50 microseconds.
pub const CODES_MIN_ROWS: usize = 1_000;
/// Rows a segment in memory may have to be absorbed into the next one, so that many small writes
/// leave a logarithmic number of segments.
pub const ABSORB_MAX_ROWS: u32 = 10_000;
/// Rows outside segment files from which a flush is due: this many are scanned in well under a
/// millisecond and replayed in a second.
pub const DEFAULT_FLUSH_ROWS: usize = 10_000;
/// Bytes of the vectors of rows outside segment files from which a flush is due, counted as if each row had them: a
/// segment in memory has space for the vectors of all of its rows.
pub const FLUSH_VECTOR_BYTES: usize = 32 << 20;
/// Bytes in the log from which a flush is due.
pub const DEFAULT_FLUSH_BYTES: u64 = 64 << 20;
/// Bytes that the rows outside segment files take in memory once they are read, from which a flush is due; a write of more
/// rows waits for it. A flush, and the first search after a write, read them all at once. Small values of payloads take a
/// hundred times their bytes in the log.
pub const FLUSH_MEMORY_BYTES: u64 = 128 << 20;
/// Bytes of a batch from which it becomes a segment file at once instead of a frame in the log.
pub const MAX_LOGGED_BYTES: usize = 64 << 20;
/// Bytes in the log and in no segment file at which writes are refused: flushes are failing, and a
/// recovery has to hold all of these bytes in memory.
pub const MAX_UNFLUSHED_BYTES: u64 = 1 << 30;
/// Multiple of the bytes or rows that make a flush due at which a write waits for the flush.
pub const BACKPRESSURE: u64 = 4;
/// Bytes of free space for each byte that only the log has: rows in a segment file take up to twice the space of their
/// frames, so that a flush finds space for them, and the log is given up after it.
pub const FLUSH_SPACE: u64 = 2;
/// Bytes of the log for which the free space is looked at once: less than the reserve, and many writes.
pub const MAX_ADMITTED_BYTES: u64 = 256 << 10;
/// Space kept for deletes on a full disk, in bytes: a short log file and a manifest.
pub const RESERVE_BYTES: u64 = 1 << 20;
/// Longest time that a write of durability `interval` stays unsynced.
pub const INTERVAL: std::time::Duration = std::time::Duration::from_millis(1_000);
/// Time between two checks of the background thread for work that is due.
pub const BACKGROUND_PAUSE: std::time::Duration = std::time::Duration::from_millis(250);
/// Number of segments of about one size (a tier) from which they are merged.
pub const TIER_SEGMENTS: usize = 4;
/// Ratio of the rows of one tier to those of the tier below it.
pub const TIER_GROWTH: u32 = 4;
/// Share of dead rows (one in this many) from which a segment is rewritten.
pub const DEAD_SHARE: u32 = 3;
/// Most segments merged at once; bounds open files and memory.
pub const MAX_MERGED_SEGMENTS: usize = 64;
/// Queries by which a merged graph is compared with the ones it replaces.
pub const GATE_QUERIES: usize = 100;
/// Recall@10 by which a merged graph may be below the ones it replaces.
pub const GATE_MARGIN: f64 = 0.005;
/// Most queries of one measurement of recall.
pub const MAX_RECALL_QUERIES: usize = 100_000;
/// Points of a map of vectors, unless the request says another number.
pub const DEFAULT_MAP_POINTS: usize = 1_000;
/// Most points of a map of vectors: the directions of two thousand vectors of a thousand components take a second, and
/// more points hide each other on a screen.
pub const MAX_MAP_POINTS: usize = 2_000;
/// Most queries of one tuning: each is fused under several hundred settings.
pub const MAX_TUNE_QUERIES: usize = 10_000;
/// Most rows of a segment that a re-embedding writes: they are in memory at once. A compaction merges
/// these segments.
pub const REEMBED_ROWS: usize = 100_000;
/// Most bytes of the texts of such a segment.
pub const REEMBED_BYTES: usize = 256 << 20;
/// Most relevant rows of one query that an adapter is trained on, so that one query does not outweigh
/// all others.
pub const MAX_QUERY_TRIPLETS: usize = 100;
/// Most relevant rows that an adapter is trained on: each takes several times 3 KB at 384 components.
pub const MAX_TRIPLETS: usize = 50_000;
/// Most folds of a cross-validation: each trains one adapter.
pub const MAX_FOLDS: usize = 10;
/// Most ids that one query's feedback names.
pub const MAX_FEEDBACK_IDS: usize = 1_000;
/// Most requests answered in one batch.
pub const MAX_BATCH_REQUESTS: usize = 100_000;
/// Times a reader reads a file that looks damaged, as a writer may be in the middle of it.
pub const DAMAGE_READS: usize = 3;
/// Recall@10 on sampled rows below which a deep verification calls a graph damaged.
pub const VERIFY_MIN_RECALL: f64 = 0.9;
/// Most rows of one page of a scroll.
pub const MAX_SCROLL_ROWS: usize = 10_000;
/// Default number of hits that a cursor reaches: ten pages of a hundred.
pub const DEFAULT_REACH: usize = 1_000;
/// Most hits that a cursor reaches, including those of the offset: the legs return as many candidates.
pub const MAX_REACH: usize = lexivec_query::limits::MAX_WINDOW;
/// Length of a log file of a collection in memory, in bytes: short, as such a log protects nothing.
pub const MEMORY_LOG_FILE_BYTES: u64 = 64 << 10;
/// Times a reader opens the newest generation again when files vanish while it opens them.
pub const OPEN_RETRIES: usize = 16;
/// Longest text given to an embedder, in bytes; the rest of a longer one is left out.
pub const MAX_EMBED_BYTES: usize = 64 << 10;
/// Most calls of a reranker that run at once. A higher number than the searches a machine runs at once
/// means that calls hang, each holding a thread.
pub const MAX_RUNNING_RERANKS: usize = 64;
/// Largest model file read, in bytes.
pub const MAX_MODEL_BYTES: u64 = 4 << 30;
