//! Choosing how the vector leg runs on a segment, by counted selectivity and measured costs.

use crate::plan::{SegmentFacts, SegmentPlan, Strategy};
use crate::request::Params;

/// Beam where the caller names none. On 100,000 sentence vectors of 384 components it gives a
/// recall@10 of 0.99 or more; see benches/RESULTS.md.
pub const DEFAULT_EF: usize = 256;
/// Microseconds up to which an exact scan is done whatever else would cost: no row can be missed.
pub const EXACT_MICROS: f64 = 25.0;
/// Rows a walk compares with for each place of its beam, as a share of the graph's degree: most
/// neighbours of a visited row have been seen before. Counted on real graphs of degree 32.
const NEW_NEIGHBOURS: f64 = 0.5;

/// What things cost on this class of machine, in nanoseconds. Measured on one core of an AMD EPYC of
/// 2024 with AVX-512 and 32 MB of cache; other machines differ by a factor that is about the same for
/// all of them, so that the choices stay.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    /// A byte of a vector or a code that is read in the order of rows.
    pub byte_in_order: f64,
    /// A byte of a code that a walk jumps to.
    pub byte_jumped_to: f64,
    /// A row, besides its bytes.
    pub row: f64,
    /// A row of a walk, besides its bytes.
    pub walked_row: f64,
}

/// The costs that plans are made with.
pub const COSTS: Costs =
    Costs { byte_in_order: 0.04, byte_jumped_to: 0.06, row: 6.0, walked_row: 18.0 };

/// Plans one segment. `window` is the number of rows wanted.
pub fn plan_vector(facts: &SegmentFacts, window: usize, params: &Params) -> SegmentPlan {
    let matching = facts.matching;
    let plan =
        |strategy, cost, alternatives| SegmentPlan { strategy, cost, matching, alternatives };
    if matching == 0 || window == 0 {
        return plan(Strategy::Empty, 0.0, Vec::new());
    }
    let mut ways = ways(facts, window, params);
    // The exact one is the first, and wins a tie.
    let exact = ways.first().map_or(0.0, |(_, cost)| *cost);
    let asked = ways.iter().position(|(way, _)| way.kind() == params.strategy);
    let scan = exact <= EXACT_MICROS || matching as usize <= window;
    let cheapest = (0..ways.len()).min_by(|&a, &b| ways[a].1.total_cmp(&ways[b].1)).unwrap_or(0);
    let exact = params.exact || params.target_recall.is_some_and(|target| target >= 1.0);
    let chosen = match (exact, asked) {
        (true, _) => 0,
        (false, Some(asked)) => asked,
        (false, None) => {
            if scan {
                0
            } else {
                cheapest
            }
        }
    };
    let (strategy, cost) = ways.swap_remove(chosen);
    plan(strategy, cost, ways)
}

/// All ways there are, with their costs in microseconds.
fn ways(facts: &SegmentFacts, window: usize, params: &Params) -> Vec<(Strategy, f64)> {
    let matching = f64::from(facts.matching);
    let scan = |bytes: u32| COSTS.row + f64::from(bytes) * COSTS.byte_in_order;
    let floats = scan(facts.vector_bytes);
    let mut ways = vec![(Strategy::Exact, matching * floats / 1e3)];
    if !facts.has_codes {
        return ways;
    }
    // The best by their codes are compared by their vectors.
    let rescored = 2.0 * window as f64 * floats;
    if params.target_recall.is_none_or(|target| facts.code_recall >= target) {
        ways.push((Strategy::Codes, (matching * scan(facts.code_bytes) + rescored) / 1e3));
    }
    let ef = match params.target_recall {
        None => Some(params.ef.unwrap_or(DEFAULT_EF)),
        Some(_) => facts.target_ef,
    };
    if let (true, Some(ef)) = (facts.has_graph, ef) {
        let ef = ef.max(window);
        let row = COSTS.walked_row + f64::from(facts.code_bytes) * COSTS.byte_jumped_to;
        let places = f64::from(facts.degree.max(1)) * NEW_NEIGHBOURS;
        let (strategy, ef) = if facts.matching == facts.rows {
            (Strategy::Graph { ef }, ef)
        } else {
            // Of the rows in the beam this share matches.
            let selectivity = matching / f64::from(facts.rows.max(1));
            let ef = (ef as f64 / selectivity).ceil() as usize;
            (Strategy::FilteredGraph { ef }, ef)
        };
        ways.push((strategy, (ef as f64 * places * row + rescored) / 1e3));
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::StrategyKind;

    fn facts(matching: u32, codes: bool, graph: bool) -> SegmentFacts {
        SegmentFacts {
            rows: 100_000,
            live: 90_000,
            matching,
            has_codes: codes,
            has_graph: graph,
            degree: 32,
            vector_bytes: 1_536,
            code_bytes: 392,
            code_recall: 0.999,
            target_ef: Some(48),
        }
    }

    #[test]
    fn the_cheapest_way_that_loses_nothing_is_chosen() {
        let auto = Params::default();
        let exact = Params { exact: true, ..auto };
        let ef = |ef| Params { ef: Some(ef), ..auto };
        let way = |way| Params { strategy: Some(way), ..auto };
        let target = |recall| Params { target_recall: Some(recall), ..auto };
        for (matching, codes, graph, window, params, expected) in [
            (0, true, true, 10, auto, Strategy::Empty),
            (100_000, true, true, 0, auto, Strategy::Empty),
            (100_000, true, true, 10, auto, Strategy::Graph { ef: DEFAULT_EF }),
            (100_000, true, false, 10, auto, Strategy::Codes),
            (100_000, false, true, 10, auto, Strategy::Exact),
            (100_000, true, true, 10, exact, Strategy::Exact),
            (100_000, true, true, 10, ef(40), Strategy::Graph { ef: 40 }),
            (100_000, true, true, 100, ef(40), Strategy::Graph { ef: 100 }),
            (50_000, true, true, 10, auto, Strategy::FilteredGraph { ef: 2 * DEFAULT_EF }),
            (5_000, true, true, 10, auto, Strategy::Codes),
            (100, true, true, 10, auto, Strategy::Exact),
            (10, true, true, 10, ef(10), Strategy::Exact),
            (100_000, true, true, 100_000, auto, Strategy::Exact),
            (100_000, true, true, 10, way(StrategyKind::Codes), Strategy::Codes),
            (10, true, true, 10, way(StrategyKind::Codes), Strategy::Codes),
            (10, false, false, 10, way(StrategyKind::Codes), Strategy::Exact),
            (100_000, true, true, 10, way(StrategyKind::Exact), Strategy::Exact),
            (100_000, true, true, 10, target(0.95), Strategy::Graph { ef: 48 }),
            (50_000, true, true, 10, target(0.95), Strategy::FilteredGraph { ef: 96 }),
            (1_000, true, true, 10, target(0.95), Strategy::Codes),
            (100_000, true, false, 10, target(0.95), Strategy::Codes),
            (100_000, true, false, 10, target(0.9999), Strategy::Exact),
            (100_000, true, true, 10, target(1.0), Strategy::Exact),
        ] {
            let plan = plan_vector(&facts(matching, codes, graph), window, &params);
            assert_eq!(plan.strategy, expected, "{matching} {window}");
        }
    }

    #[test]
    fn the_choice_is_never_dearer_than_its_alternatives() {
        for matching in (1..100_000).step_by(997) {
            let plan = plan_vector(&facts(matching, true, true), 10, &Params::default());
            assert_eq!(plan.alternatives.len(), 2);
            let cheapest = plan.alternatives.iter().all(|(_, cost)| *cost >= plan.cost);
            assert!(cheapest || plan.cost <= EXACT_MICROS, "{plan:?}");
        }
    }
}
