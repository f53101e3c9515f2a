//! Every limit and default of a request, a filter and a plan, named once, with its unit and its reason.

/// Most hits of one answer, and the last rank a page may reach. Each leg brings at least as many.
pub const MAX_WINDOW: usize = 10_000;
/// Hits of an answer if the request names no limit.
pub const DEFAULT_LIMIT: usize = 10;
/// Hits each leg brings to a fusion if the request names no number. On the judged collections we
/// measure with, 100 a leg loses nothing of nDCG@10 against 1,000.
pub const DEFAULT_CANDIDATES: usize = 100;
/// Bytes of a query text that are searched for: of longer plain words the beginning. They are more words than a model
/// reads, and each more of them is another list of postings; so they bound the terms of BM25, to about 2,000 a field.
pub const MAX_QUERY_BYTES: usize = 4 << 10;
/// Longest query text that is taken, in bytes: as long as a document, which may be the query.
pub const MAX_GIVEN_QUERY_BYTES: usize = 1 << 20;
/// Longest time a search may be given, in milliseconds: a caller with more patience sets no deadline.
pub const MAX_DEADLINE_MS: u64 = 600_000;

/// The rank constant of reciprocal rank fusion: Cormack, Clarke and Buettcher, "Reciprocal rank
/// fusion outperforms Condorcet and individual rank learning methods", 2009.
pub const DEFAULT_RRF_K: f64 = 60.0;
/// Share of the vector leg in the fusion of a new collection whose vectors are of a contextual model, or come from
/// outside. benches/RESULTS.md has the figures of other shares.
pub const DEFAULT_VECTOR_SHARE: f64 = 0.5;
/// The share where a static model makes the vectors: it knows single words, as BM25 does, and no more than they say.
pub const STATIC_VECTOR_SHARE: f64 = 0.2;
/// Frequency saturation of BM25 if none is named; Lucene's default.
pub const DEFAULT_K1: f64 = 1.2;
/// Length normalisation of BM25 if none is named; Lucene's default.
pub const DEFAULT_B: f64 = 0.75;
/// The highest k1: far below it a score is a plain count already.
pub const MAX_K1: f64 = 1_000.0;
/// Weight of the field `title` in a new collection that searches its texts as one: a word of a title counts as two
/// words. benches/RESULTS.md has the figures of other weights.
pub const TITLE_WEIGHT: f64 = 2.0;
/// The highest weight of a text field. BM25 saturates: far below it another occurrence of the word changes nothing.
pub const MAX_FIELD_WEIGHT: f64 = 100.0;
/// Most weights of fields in one request: as many as a collection has text fields.
pub const MAX_FIELD_WEIGHTS: usize = 64;

/// Characters of a passage if the request names no number.
pub const DEFAULT_PASSAGE_CHARS: usize = 160;
/// Most characters of a passage; a caller that needs more of a text asks for all of it.
pub const MAX_PASSAGE_CHARS: usize = 10_000;
/// Most passages of a text; a caller that needs more of a text asks for all of it.
pub const MAX_SNIPPETS: usize = 20;

/// Candidates a reranker sees if the request names no number: the number each leg brings to a fusion.
pub const DEFAULT_RERANK_DEPTH: usize = 100;
/// Most candidates a reranker may see: MMR compares each with each, half a million comparisons.
pub const MAX_RERANK_DEPTH: usize = 1_000;
/// Time a reranker has if the request names none, in milliseconds.
pub const DEFAULT_RERANK_BUDGET_MS: u64 = 1_000;
/// Longest time a reranker may be given, in milliseconds: a search must end while its caller waits.
pub const MAX_RERANK_BUDGET_MS: u64 = 60_000;
/// Share of relevance in MMR if the request names none: as much of it as of novelty.
pub const DEFAULT_LAMBDA: f64 = 0.5;
/// Most token vectors of a query for late interaction: each is compared with every one of a candidate,
/// and ColBERT itself has 32.
pub const MAX_QUERY_TOKENS: usize = 256;

/// Hits of a group if the request names no number.
pub const DEFAULT_GROUP_SIZE: usize = 3;
/// Most facets of one request: each is a pass over a payload field.
pub const MAX_FACETS: usize = 32;
/// Values of a facet if the request names no number.
pub const DEFAULT_FACET_LIMIT: usize = 10;
/// Most values of a facet; a caller that needs all values of a field reads the rows.
pub const MAX_FACET_LIMIT: usize = 10_000;

/// Most clauses of a filter; each costs an evaluation.
pub const MAX_FILTER_NODES: usize = 1_024;
/// Deepest nesting of a filter; the parser and the evaluators recurse.
pub const MAX_FILTER_DEPTH: usize = 32;
/// Deepest nesting of a parsed filter. The notations nest a path's operators one level below the path.
pub(crate) const MAX_TREE_DEPTH: usize = MAX_FILTER_DEPTH + 2;
/// Longest payload path, in bytes: the longest that payload columns are kept under.
pub const MAX_PATH_BYTES: usize = 1_024;
/// Most values of all `$in`, and most ids, of a filter.
pub const MAX_IN_VALUES: usize = 10_000;
/// Longest filter as text, in bytes: [`MAX_IN_VALUES`] values of a hundred bytes each.
pub const MAX_FILTER_BYTES: usize = 1 << 20;

/// Deepest nesting of a query string; its parser and its evaluation recurse.
pub const MAX_QUERY_DEPTH: usize = 16;
/// Most clauses of a query string; each reads one list of postings.
pub const MAX_QUERY_CLAUSES: usize = 256;
/// Most words of a phrase; the positions of each are read in every row that has them all.
pub const MAX_PHRASE_WORDS: usize = 64;
/// Most positions that the words of a phrase may stand apart, summed over the phrase.
pub const MAX_SLOP: u32 = 100;
/// Most edits of a fuzzy word: with three, most words of a dictionary are alike.
pub const MAX_EDITS: u8 = 2;
/// Fewest characters of a prefix: a shorter one stands for much of the dictionary.
pub const MIN_PREFIX_CHARS: usize = 2;
/// The highest boost; higher ones drown all other clauses in the last bits of a sum.
pub const MAX_BOOST: f64 = 1_000.0;

/// Longest text of a collection's synonyms, in bytes: it is rewritten with every manifest.
pub const MAX_SYNONYM_BYTES: usize = 256 << 10;
/// Most rules of a collection's synonyms; all are read when the collection is opened.
pub const MAX_SYNONYM_RULES: usize = 10_000;
/// Most entries of a rule; each reads its lists of postings in every search that uses the rule.
pub const MAX_SYNONYM_ENTRIES: usize = 64;
/// Most words of an entry: a longer one is no name of a thing.
pub const MAX_SYNONYM_WORDS: usize = 8;
/// Most terms of the dictionary that a misspelt word stands for; Elasticsearch's limit.
pub const MAX_TYPO_TERMS: usize = 50;

/// Completions if a request for suggestions names no number.
pub const DEFAULT_SUGGESTIONS: usize = 10;
/// Most completions of a text: each reads some rows.
pub const MAX_SUGGESTIONS: usize = 100;

/// Widest beam of a graph walk; a wider one costs more than the exact scan of most segments.
pub const MAX_EF: usize = 4_096;
/// Beam of a graph walk if the request names none. On 100,000 sentence vectors of 384 components it
/// gives a recall@10 of 0.99 or more; see benches/RESULTS.md.
pub const DEFAULT_EF: usize = 256;

/// Share of the exact hits that a search finds at least unless it says otherwise, on average over the
/// queries that a segment was measured on. Where the default beam finds less, the planner takes a wider
/// one or another way. It is what hnswlib finds with the same beam among 20,000 independent rows of 128
/// components, the hardest set without copies that was tried; real vectors are easier.
pub const USUAL_RECALL: f64 = 0.93;
/// Widest beam of a walk under a filter: the beam is kept in order, and far wider ones cost more than
/// all rows of most segments.
pub const MAX_FILTERED_EF: usize = 4 * MAX_EF;
/// Estimated microseconds up to which an exact scan is always chosen: it misses no row.
pub const EXACT_MICROS: f64 = 25.0;
/// Fewest rows compared by their vectors, in addition to those wanted, before a search decides whether
/// more can matter: their number suffices to estimate the error of codes.
pub const LEAST_RESCORED: usize = 32;
/// Bytes of a page, the smallest unit that is read from a disk.
pub const PAGE_BYTES: usize = 4_096;

/// Factor on the windows of the legs when their rows did not fill the groups. Each widening is a search, so that few
/// wide ones cost less than many.
pub const GROUP_WIDENING: usize = 4;
