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
/// Largest HNSW out-degree on the upper levels; level 0 has twice as many.
pub const MAX_M: usize = 128;
/// Largest beam while building a graph.
pub const MAX_EF_CONSTRUCTION: usize = 2_000;
/// Deepest nesting of a payload, in levels.
pub const MAX_PAYLOAD_DEPTH: usize = 64;
/// Most text fields, and most vector fields, of a collection.
pub const MAX_FIELDS: usize = 64;
/// Longest field or collection name, in bytes.
pub const MAX_NAME_BYTES: usize = 63;
/// Longest payload string kept in a filter column, in bytes. Rows with a longer one are filtered
/// from their stored payload instead, so the limit costs time and never a hit.
pub const MAX_COLUMN_STRING_BYTES: usize = 8 << 10;
/// Longest term, in bytes; longer tokens are cut here, in documents and queries alike.
pub const MAX_TERM_BYTES: usize = 255;
/// Rows up to which a segment has no graph: an exact scan of so few is as fast as a walk.
pub const DEFAULT_GRAPH_MIN_ROWS: usize = 10_000;
/// Rows a segment may have to be absorbed into the next one written, so that many small writes
/// leave a logarithmic number of segments. No graph is rebuilt by it.
pub const ABSORB_MAX_ROWS: u32 = 10_000;
/// Times a reader looks for the newest generation again when files vanish under it.
pub const OPEN_RETRIES: usize = 16;
/// Longest text handed to an embedder, in bytes; the rest of a longer one is left out.
pub const MAX_EMBED_BYTES: usize = 64 << 10;
/// Largest model file read, in bytes.
pub const MAX_MODEL_BYTES: u64 = 4 << 30;
