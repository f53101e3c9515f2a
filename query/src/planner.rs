//! The choice how the vector leg runs on a segment, by counted selectivity and measured costs.

use std::borrow::Cow;

use crate::limits::{
    DEFAULT_EF, EXACT_MICROS, LEAST_RESCORED, MAX_FILTERED_EF, PAGE_BYTES, USUAL_RECALL,
};
use crate::plan::{Costs, SegmentFacts, SegmentPlan, Strategy, StrategyKind, Work};
use crate::request::Params;

/// Rows a walk compares with for each row of its beam, as a share of the graph's degree: most
/// neighbours of a visited row have been seen before. Counted on real graphs of degree 32.
const NEW_NEIGHBOURS: f64 = 0.5;

/// The costs of each class; the last one applies if no other fits. Those of avx512 are measured, see
/// "What ways cost" in benches/RESULTS.md; those of the others are estimated from their vector widths,
/// as no such machines were available. Machines of a class differ by about the same factor in all
/// costs, so the choices stay the same. A process does not measure them, as its plans would not repeat.
pub const COSTS: [Costs; 4] = [
    Costs {
        machine: Cow::Borrowed("avx512"),
        byte_in_order: 0.04,
        byte_jumped_to: 0.06,
        row: 6.0,
        walked_row: 18.0,
    },
    Costs {
        machine: Cow::Borrowed("avx2"),
        byte_in_order: 0.06,
        byte_jumped_to: 0.09,
        row: 6.0,
        walked_row: 18.0,
    },
    Costs {
        machine: Cow::Borrowed("neon"),
        byte_in_order: 0.06,
        byte_jumped_to: 0.09,
        row: 6.0,
        walked_row: 18.0,
    },
    Costs {
        machine: Cow::Borrowed("plain"),
        byte_in_order: 0.5,
        byte_jumped_to: 0.55,
        row: 6.0,
        walked_row: 18.0,
    },
];

/// The costs of a class of machines.
pub fn costs_of(machine: &str) -> &'static Costs {
    let [.., last] = &COSTS;
    COSTS.iter().find(|costs| costs.machine == machine).unwrap_or(last)
}

/// Plans one segment. `window` is the number of rows wanted.
pub fn plan_vector(
    facts: &SegmentFacts,
    window: usize,
    params: &Params,
    costs: &'static Costs,
) -> SegmentPlan {
    let matching = facts.matching;
    let plan = |strategy, cost, alternatives, dropped| SegmentPlan {
        strategy,
        tried: None,
        cost,
        actual: 0.0,
        work: Work::default(),
        matching,
        alternatives,
        dropped,
        page_reads: None,
        costs: Cow::Borrowed(costs),
    };
    if matching == 0 || window == 0 {
        return plan(Strategy::Empty, 0.0, Vec::new(), Vec::new());
    }
    let (mut ways, dropped) = ways(facts, window, params, costs);
    // The exact one is the first, and wins a tie.
    let exact = ways.first().map_or(0.0, |(_, cost)| *cost);
    let asked = ways.iter().position(|(way, _)| way.kind() == params.strategy);
    let within =
        |way: &Strategy| params.max_page_reads.is_none_or(|most| pages(facts, way) <= most as f64);
    let scan = (exact <= EXACT_MICROS || matching as usize <= window)
        && ways.first().is_some_and(|(way, _)| within(way));
    // A way over the bound on pages is taken only where all are.
    let price = |&(ref way, cost): &(Strategy, f64)| (!within(way), cost);
    let cheapest = (0..ways.len())
        .min_by(|&a, &b| {
            let (a, b) = (price(&ways[a]), price(&ways[b]));
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
        })
        .unwrap_or(0);
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
    plan(strategy, cost, ways, dropped)
}

/// Most pages that a strategy touches; a walk keeps any bound.
fn pages(facts: &SegmentFacts, way: &Strategy) -> f64 {
    let rows = |count: f64, bytes: u32| {
        // Of one row.
        let part = f64::from(bytes) / PAGE_BYTES as f64;
        // A row that begins on a page may end on the next.
        (count * (1.0 + part)).min(f64::from(facts.rows) * part + 1.0)
    };
    let matching = f64::from(facts.matching);
    let rescored = rows(f64::from(facts.rescored).min(matching), facts.vector_bytes);
    match way {
        Strategy::Empty | Strategy::Graph { .. } | Strategy::FilteredGraph { .. } => 0.0,
        Strategy::Exact => rows(matching, facts.vector_bytes),
        Strategy::Codes => rows(matching, facts.code_bytes) + rescored,
    }
}

/// All ways there are, with their costs in microseconds.
type Ways = Vec<(Strategy, f64)>;
/// The others, and why they are none.
type Dropped = Vec<(StrategyKind, Cow<'static, str>)>;

fn ways(facts: &SegmentFacts, window: usize, params: &Params, costs: &Costs) -> (Ways, Dropped) {
    let matching = u64::from(facts.matching);
    let price = |work: Work| costs.micros(facts, &work);
    let mut ways = vec![(Strategy::Exact, price(Work { scored: matching, ..Work::default() }))];
    let mut dropped = Vec::new();
    let scored = matching.min((window + LEAST_RESCORED) as u64);
    if !facts.has_codes {
        dropped.push((StrategyKind::Codes, "the segment has no codes".into()));
    } else if let Some(reason) = inexact(facts, params) {
        dropped.push((StrategyKind::Codes, reason.into()));
    } else {
        let work = Work { scanned: matching, scored, ..Work::default() };
        ways.push((Strategy::Codes, price(work)));
    }
    match walk(facts, window, params) {
        Ok((strategy, ef)) => {
            let places = f64::from(facts.degree.max(1)) * NEW_NEIGHBOURS;
            let walked = (ef as f64 * places) as u64;
            ways.push((strategy, price(Work { walked, scored, ..Work::default() })));
        }
        Err(reason) => dropped.push((StrategyKind::Graph, reason.into())),
    }
    (ways, dropped)
}

/// The reason why a code scan does not find enough, if it does not.
fn inexact(facts: &SegmentFacts, params: &Params) -> Option<&'static str> {
    match (params.target_recall, facts.code_recall) {
        (Some(target), recall) if recall.unwrap_or(0.0) < target => {
            Some("codes are not as exact as the recall that is asked for")
        }
        (None, Some(recall))
            if recall < USUAL_RECALL && params.strategy != Some(StrategyKind::Codes) =>
        {
            Some("codes are not as exact as the usual recall")
        }
        _ => None,
    }
}

/// The walk of the graph and the width of its beam, or why there is none.
fn walk(
    facts: &SegmentFacts,
    window: usize,
    params: &Params,
) -> Result<(Strategy, usize), &'static str> {
    if !(facts.has_codes && facts.has_graph) {
        return Err("the segment has no graph");
    }
    let ef = match (params.target_recall, params.ef) {
        (Some(_), _) => facts.target_ef.ok_or("no beam has the recall that is asked for")?,
        (None, Some(ef)) => ef,
        (None, None) if params.strategy == Some(StrategyKind::Graph) => {
            facts.usual_ef.unwrap_or(DEFAULT_EF)
        }
        (None, None) => facts.usual_ef.ok_or("no beam has the usual recall")?,
    };
    let ef = ef.max(window);
    let filtered = facts.matching < facts.rows;
    // Of the rows in the beam this share matches.
    let selectivity = f64::from(facts.matching) / f64::from(facts.rows.max(1));
    let ef = if filtered { (ef as f64 / selectivity).ceil() as usize } else { ef };
    match ef <= MAX_FILTERED_EF {
        true if filtered => Ok((Strategy::FilteredGraph { ef }, ef)),
        true => Ok((Strategy::Graph { ef }, ef)),
        false => Err("so few rows match that a beam would be wider than the limit"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            rescored: 23,
            walked_bytes: 392,
            code_recall: Some(0.999),
            usual_ef: Some(DEFAULT_EF),
            target_ef: Some(48),
        }
    }

    #[test]
    fn the_cheapest_way_that_loses_nothing_is_chosen() {
        let auto = Params::default();
        let exact = Params { exact: true, ..auto };
        let ef = |ef| Params { ef: Some(ef), ..auto };
        let way = |way| Params { strategy: Some(way), ..auto };
        let pages = |most| Params { max_page_reads: Some(most), ..auto };
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
            (100_000, true, false, 10, pages(1_000), Strategy::Codes),
            (5_000, true, true, 10, pages(20_000), Strategy::Codes),
            (5_000, true, true, 10, pages(1_000), Strategy::FilteredGraph { ef: 20 * DEFAULT_EF }),
            (1_000, true, true, 10, pages(100), Strategy::Codes),
            (1_600, true, true, 10, pages(100), Strategy::FilteredGraph { ef: 16_000 }),
        ] {
            let plan = plan_vector(&facts(matching, codes, graph), window, &params, &COSTS[0]);
            assert_eq!(plan.strategy, expected, "{matching} {window}");
        }
    }

    #[test]
    fn what_is_no_way_is_told_with_its_reason() {
        use StrategyKind::{Codes, Graph};
        let auto = Params::default();
        let target = |recall| Params { target_recall: Some(recall), ..auto };
        let unreached = SegmentFacts { target_ef: None, ..facts(100_000, true, true) };
        let none = (Graph, "the segment has no graph");
        for (facts, params, expected) in [
            (facts(100_000, true, true), auto, vec![]),
            (facts(100_000, true, false), auto, vec![none]),
            (facts(100_000, false, true), auto, vec![(Codes, "the segment has no codes"), none]),
            (
                unreached,
                target(0.9999),
                vec![
                    (Codes, "codes are not as exact as the recall that is asked for"),
                    (Graph, "no beam has the recall that is asked for"),
                ],
            ),
            (
                facts(1_000, true, true),
                auto,
                vec![(Graph, "so few rows match that a beam would be wider than the limit")],
            ),
        ] {
            let plan = plan_vector(&facts, 10, &params, &COSTS[0]);
            let dropped: Vec<_> =
                plan.dropped.iter().map(|(way, why)| (*way, why.as_ref())).collect();
            assert_eq!(dropped, expected);
            assert_eq!(plan.alternatives.len() + plan.dropped.len(), 2);
        }
    }

    #[test]
    fn a_way_that_finds_less_than_usual_is_none_unless_it_is_asked_for() {
        use StrategyKind::{Codes, Graph};
        let all = |usual_ef, code_recall| SegmentFacts {
            usual_ef,
            code_recall: Some(code_recall),
            ..facts(100_000, true, true)
        };
        let auto = Params::default();
        let way = |way| Params { strategy: Some(way), ..auto };
        let ef = Params { ef: Some(100), ..auto };
        for (facts, params, expected) in [
            (all(Some(512), 0.999), auto, Strategy::Graph { ef: 512 }),
            (all(None, 0.999), auto, Strategy::Codes),
            (all(None, 0.5), auto, Strategy::Exact),
            (all(Some(DEFAULT_EF), 0.5), auto, Strategy::Graph { ef: DEFAULT_EF }),
            (all(None, 0.5), way(Codes), Strategy::Codes),
            (all(None, 0.999), way(Graph), Strategy::Graph { ef: DEFAULT_EF }),
            (all(None, 0.999), ef, Strategy::Graph { ef: 100 }),
            (
                SegmentFacts { code_recall: None, ..facts(5_000, true, false) },
                auto,
                Strategy::Codes,
            ),
        ] {
            let plan = plan_vector(&facts, 10, &params, &COSTS[0]);
            assert_eq!(plan.strategy, expected, "{facts:?} {params:?}");
        }
    }

    #[test]
    fn the_choice_is_never_dearer_than_its_alternatives() {
        for matching in (1..100_000).step_by(997) {
            let plan = plan_vector(&facts(matching, true, true), 10, &Params::default(), &COSTS[0]);
            // A beam wider than the widest is no way.
            let walks = DEFAULT_EF * 100_000 / matching as usize <= MAX_FILTERED_EF;
            assert_eq!(plan.alternatives.len(), 1 + usize::from(walks));
            let cheapest = plan.alternatives.iter().all(|(_, cost)| *cost >= plan.cost);
            assert!(cheapest || plan.cost <= EXACT_MICROS, "{plan:?}");
        }
    }
}
