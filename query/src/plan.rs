//! Inputs of the planner about a segment, and its plan.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::names::names;

/// Counts of one segment, after the filter was evaluated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SegmentFacts {
    /// Rows in the segment that have a vector.
    pub rows: u32,
    /// Rows alive.
    pub live: u32,
    /// Rows alive that the filter admits and that have a vector.
    pub matching: u32,
    /// True where the segment has codes of its vectors.
    pub has_codes: bool,
    /// True where the segment has a graph.
    pub has_graph: bool,
    /// Most neighbours of a row in the graph.
    pub degree: u32,
    /// Bytes of a vector.
    pub vector_bytes: u32,
    /// Bytes of a code, where there are some.
    pub code_bytes: u32,
    /// Most rows rescored on their vectors after a code scan.
    pub rescored: u32,
    /// Bytes of a row that a walk reads: of its code, or of its vector where codes of close rows do not
    /// differ.
    pub walked_bytes: u32,
    /// Recall of a code scan, measured or as codes of this kind usually have; `None` if it is unknown.
    pub code_recall: Option<f64>,
    /// Least beam width, from the default one up, that reaches the usual recall, as measured on the graph;
    /// the default width where nothing was measured; `None` if no width reaches it.
    pub usual_ef: Option<usize>,
    /// Mean beam width for the request's target recall, as measured on the graph; `None` if no width
    /// reaches it.
    pub target_ef: Option<usize>,
}

/// A way to find the closest rows of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// No row can match.
    Empty,
    /// Compare with every matching row.
    Exact,
    /// Compare the codes of every matching row, and the vectors of the best.
    Codes,
    /// Walk the graph.
    Graph {
        /// Width of the beam; where the request wants a recall, the one expected, and once it is done
        /// the one it took.
        ef: usize,
    },
    /// Walk the graph through all rows, keep matching ones; if they are too few, as
    /// [`Codes`](Self::Codes).
    FilteredGraph {
        /// Width of the beam, in rows whether they match or not.
        ef: usize,
    },
}

/// A kind of [`Strategy`], for requests that name one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StrategyKind {
    /// Compare with every matching row.
    Exact,
    /// Compare the codes of every matching row, and the vectors of the best.
    Codes,
    /// Walk the graph.
    Graph,
}

names!(StrategyKind, "strategy", Exact = "exact", Codes = "codes", Graph = "graph");

impl Strategy {
    /// Its kind; of none where no row can match.
    pub fn kind(&self) -> Option<StrategyKind> {
        match self {
            Self::Empty => None,
            Self::Exact => Some(StrategyKind::Exact),
            Self::Codes => Some(StrategyKind::Codes),
            Self::Graph { .. } | Self::FilteredGraph { .. } => Some(StrategyKind::Graph),
        }
    }

    /// True when no closer row can have been missed.
    pub fn is_exact(&self) -> bool {
        matches!(self, Self::Empty | Self::Exact)
    }
}

/// Rows compared with a query: those expected, or those that were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// By their codes, in the order of rows.
    pub scanned: u64,
    /// By their codes, as a walk jumps to them.
    pub walked: u64,
    /// By their vectors.
    pub scored: u64,
}

/// The planner's choice for a segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentPlan {
    /// The chosen strategy.
    pub strategy: Strategy,
    /// A walk that was chosen and met too few of the rows that match, so that they were scanned after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tried: Option<Strategy>,
    /// The estimated cost of what was chosen, in microseconds.
    pub cost: f64,
    /// Cost of the work done, from the counted rows. It reads no clock, so that answers repeat.
    pub actual: f64,
    /// Counts of the work done.
    pub work: Work,
    /// Rows that match, counted.
    pub matching: u32,
    /// The other possible strategies, with their costs.
    pub alternatives: Vec<(Strategy, f64)>,
    /// The impossible strategies, with the reasons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<(StrategyKind, Cow<'static, str>)>,
    /// Pages of 4 KiB of the segment's file that were touched, where the request bounds them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_reads: Option<usize>,
    /// The machine costs used.
    pub costs: Cow<'static, Costs>,
}

/// Costs of operations on a class of machines, in nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    /// The class: the vector instructions that codes are compared by.
    pub machine: Cow<'static, str>,
    /// A byte of a vector or a code that is read in the order of rows.
    pub byte_in_order: f64,
    /// A byte of a code that a walk jumps to.
    pub byte_jumped_to: f64,
    /// A row, besides its bytes.
    pub row: f64,
    /// A row of a walk, besides its bytes.
    pub walked_row: f64,
}

impl Costs {
    /// Cost of work on a segment, in microseconds.
    pub fn micros(&self, facts: &SegmentFacts, work: &Work) -> f64 {
        let (vector, code) = (f64::from(facts.vector_bytes), f64::from(facts.code_bytes));
        let scored = work.scored as f64 * (self.row + vector * self.byte_in_order);
        let scanned = work.scanned as f64 * (self.row + code * self.byte_in_order);
        let walked = f64::from(facts.walked_bytes) * self.byte_jumped_to;
        let walked = work.walked as f64 * (self.walked_row + walked);
        (scored + scanned + walked) / 1e3
    }
}
