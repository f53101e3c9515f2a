//! Choosing how the vector leg runs on a segment, by counted selectivity and estimated cost.

use crate::plan::{SegmentFacts, SegmentPlan, Strategy};
use crate::request::Params;

/// Beam where the caller names none. On 100,000 sentence vectors of 384 components it gives a
/// recall@10 of 0.99 or more; see benches/RESULTS.md.
pub const DEFAULT_EF: usize = 256;
/// Rows a walk compares with for each place of its beam, as a share of the graph's degree: most
/// neighbours of a visited row have been seen before. Counted on real graphs of degree 32.
const NEW_NEIGHBOURS: f64 = 0.45;
/// Matching rows up to which a segment is scanned whatever the estimates say: so few take well under
/// a millisecond, and no row can be missed.
pub const EXACT_ROW_THRESHOLD: u32 = 2_000;
/// What a comparison in a walk costs against one in a scan: rows come from all over memory.
const WALK_PENALTY: f64 = 3.0;

/// Plans one segment. `window` is the number of rows wanted.
pub fn plan_vector(facts: &SegmentFacts, window: usize, params: &Params) -> SegmentPlan {
    let matching = facts.matching;
    let plan =
        |strategy, cost, alternatives| SegmentPlan { strategy, cost, matching, alternatives };
    if matching == 0 || window == 0 {
        return plan(Strategy::Empty, 0.0, Vec::new());
    }
    let exact = (Strategy::Exact, f64::from(matching));
    if !facts.has_graph {
        return plan(exact.0, exact.1, Vec::new());
    }
    let ef = params.ef.unwrap_or(DEFAULT_EF).max(window);
    let walk = ef as f64 * f64::from(facts.degree.max(1)) * NEW_NEIGHBOURS * WALK_PENALTY;
    let graph = if matching == facts.rows {
        (Strategy::Graph { ef }, walk)
    } else {
        // To meet ef matching rows, a walk passes ef / selectivity rows.
        let selectivity = f64::from(matching) / f64::from(facts.rows.max(1));
        (Strategy::FilteredGraph { ef }, walk / selectivity)
    };
    // With no more matching rows than are wanted, a walk could only lose some.
    let scan = params.exact
        || matching <= EXACT_ROW_THRESHOLD
        || matching as usize <= window
        || exact.1 <= graph.1;
    let (chosen, other) = if scan { (exact, graph) } else { (graph, exact) };
    plan(chosen.0, chosen.1, vec![other])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strategy(matching: u32, has_graph: bool, window: usize, params: Params) -> Strategy {
        let facts = SegmentFacts { rows: 100_000, live: 90_000, matching, has_graph, degree: 32 };
        plan_vector(&facts, window, &params).strategy
    }

    #[test]
    fn the_cheapest_way_that_loses_nothing_is_chosen() {
        let auto = Params::default();
        let exact = Params { exact: true, ef: None };
        let ef = |ef| Params { ef: Some(ef), exact: false };
        for (matching, graph, window, params, expected) in [
            (0, true, 10, auto, Strategy::Empty),
            (100_000, true, 0, auto, Strategy::Empty),
            (100_000, true, 10, auto, Strategy::Graph { ef: DEFAULT_EF }),
            (100_000, false, 10, auto, Strategy::Exact),
            (100_000, true, 10, exact, Strategy::Exact),
            (100_000, true, 10, ef(40), Strategy::Graph { ef: 40 }),
            (100_000, true, 100, ef(40), Strategy::Graph { ef: 100 }),
            (50_000, true, 10, auto, Strategy::FilteredGraph { ef: DEFAULT_EF }),
            (1_000, true, 10, auto, Strategy::Exact),
            (10, true, 10, ef(10), Strategy::Exact),
            (100_000, true, 10_000, auto, Strategy::Exact),
        ] {
            assert_eq!(strategy(matching, graph, window, params), expected, "{matching} {window}");
        }
    }

    #[test]
    fn the_choice_is_never_dearer_than_its_alternatives() {
        for matching in (1..100_000).step_by(997) {
            let facts = SegmentFacts {
                rows: 100_000,
                live: 100_000,
                matching,
                has_graph: true,
                degree: 32,
            };
            let plan = plan_vector(&facts, 10, &Params::default());
            let small = matching <= EXACT_ROW_THRESHOLD;
            let cheapest = plan.alternatives.iter().all(|(_, cost)| *cost >= plan.cost);
            assert!(cheapest || small, "{plan:?}");
        }
    }
}
