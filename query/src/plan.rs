//! What the planner is told about a segment, and what it answers.

use serde::Serialize;

/// Counts of one segment, after the filter was evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentFacts {
    /// Rows in the segment that have a vector.
    pub rows: u32,
    /// Rows alive.
    pub live: u32,
    /// Rows alive that the filter admits and that have a vector.
    pub matching: u32,
    /// True where the segment has a graph.
    pub has_graph: bool,
    /// Neighbours a row has in the graph, at the most.
    pub degree: u32,
}

/// A way to find the closest rows of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// No row can match.
    Empty,
    /// Compare with every matching row.
    Exact,
    /// Walk the graph.
    Graph {
        /// Width of the beam.
        ef: usize,
    },
    /// Walk the graph through all rows, keep matching ones.
    FilteredGraph {
        /// Width of the beam of matching rows.
        ef: usize,
    },
}

impl Strategy {
    /// True when no closer row can have been missed.
    pub fn is_exact(&self) -> bool {
        matches!(self, Self::Empty | Self::Exact)
    }
}

/// The planner's choice for a segment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SegmentPlan {
    /// What is done.
    pub strategy: Strategy,
    /// Its estimated cost, in vector comparisons.
    pub cost: f64,
    /// Rows that match, counted.
    pub matching: u32,
    /// What else could have been done, with its cost.
    pub alternatives: Vec<(Strategy, f64)>,
}
