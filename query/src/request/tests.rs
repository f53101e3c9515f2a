//! A request as JSON: written and read it is the same request, and the names callers use are taken.

use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::parse::tests::trees;
use crate::plan::StrategyKind;
use crate::rerank::RerankMethod;

fn one_of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    prop::sample::select(all)
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(-0.0), Just(1.0), prop::num::f64::NORMAL]
}

fn vector() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(prop_oneof![prop::num::f32::NORMAL, prop::num::f32::SUBNORMAL], 0..4)
}

fn fusion() -> impl Strategy<Value = Fusion> {
    prop_oneof![
        (number(), any::<bool>()).prop_map(|(k, complete)| Fusion::Rrf { k, complete }),
        (number(), one_of(Normalize::ALL), any::<bool>()).prop_map(
            |(alpha, normalize, complete)| Fusion::Weighted { alpha, normalize, complete }
        ),
        any::<bool>().prop_map(|complete| Fusion::Dbsf { complete }),
    ]
}

fn rerank() -> impl Strategy<Value = Rerank> {
    let tokens = option::of(prop::collection::vec(vector(), 0..3));
    let method = prop_oneof![
        number().prop_map(|lambda| Rerank::mmr(lambda).method),
        Just(RerankMethod::Exact),
        (tokens, option::of("[a-z]{1,3}"))
            .prop_map(|(tokens, field)| RerankMethod::LateInteraction { tokens, field }),
        Just(RerankMethod::Model),
    ];
    (method, 0usize..500, 0u64..500).prop_map(|(method, depth, budget_ms)| {
        let mut rerank = Rerank::exact().depth(depth).budget_ms(budget_ms);
        rerank.method = method;
        rerank
    })
}

fn params() -> impl Strategy<Value = Params> {
    let strategy = option::of(one_of(StrategyKind::ALL));
    let pages = option::of(any::<usize>());
    (option::of(any::<usize>()), option::of(number()), any::<bool>(), strategy, pages).prop_map(
        |(ef, target_recall, exact, strategy, max_page_reads)| Params {
            ef,
            target_recall,
            exact,
            strategy,
            max_page_reads,
        },
    )
}

fn legs() -> impl Strategy<Value = PerLeg<LegOptions>> {
    let options = || {
        (number(), option::of(any::<usize>()))
            .prop_map(|(weight, candidates)| LegOptions { weight, candidates })
    };
    prop::collection::vec(options(), Leg::ALL.len())
        .prop_map(|list| PerLeg::new(|leg| list[leg as usize]))
}

prop_compose! {
    /// What is asked.
    fn question()(
        text in option::of(".{0,8}"),
        syntax in one_of(Syntax::ALL),
        synonyms in any::<bool>(),
        typos in one_of(Typos::ALL),
        vector in option::of(vector()),
        vector_field in option::of("[a-z]{1,4}"),
        adapter in prop_oneof![
            Just(AdapterChoice::Active),
            Just(AdapterChoice::Off),
            any::<u32>().prop_map(AdapterChoice::Version),
        ],
        filter in trees(),
        limit in any::<usize>(),
        offset in 0usize..3,
        mode in one_of(Mode::ALL),
    ) -> SearchRequest {
        SearchRequest {
            text, syntax, synonyms, typos, vector, vector_field, adapter, filter, limit, offset, mode,
            ..SearchRequest::default()
        }
    }
}

prop_compose! {
    /// A question with the settings of its ranking.
    fn ranked()(
        request in question(),
        legs in legs(),
        bm25 in option::of((number(), number())),
        field_weights in prop::collection::btree_map("[a-z]{1,3}", number(), 0..3),
        fusion in option::of(fusion()),
        rerank in option::of(rerank()),
        score_threshold in option::of(number()),
        profile in option::of("[a-z]{1,4}"),
        floor in option::of((one_of(Leg::ALL), number())),
        params in params(),
    ) -> SearchRequest {
        let bm25 = bm25.map(|(k1, b)| Bm25 { k1, b });
        let floor = floor.map(|(leg, score)| ConfidenceFloor { leg, score });
        SearchRequest {
            legs, bm25, field_weights, fusion, rerank, score_threshold, profile, floor, params,
            ..request
        }
    }
}

prop_compose! {
    /// Any request.
    fn requests()(
        request in ranked(),
        group_by in option::of(("[a-z.]{1,4}", 0usize..9, option::of(0usize..9))),
        facets in prop::collection::vec(("[a-z.]{1,4}", 0usize..9), 0..3),
        with_payload in any::<bool>(),
        with_text in any::<bool>(),
        highlight in option::of(0usize..99),
        explain in any::<bool>(),
        deadline_ms in option::of(any::<u64>()),
    ) -> SearchRequest {
        let group_by = group_by.map(|(field, size, limit)| GroupBy { field, size, limit });
        let facets = facets.into_iter().map(|(field, limit)| Facet::new(field, limit)).collect();
        let highlight = highlight.map(|max_chars| Highlight { max_chars, snippets: max_chars.clamp(1, 3) });
        SearchRequest {
            group_by, facets, with_payload, with_text, highlight, explain, deadline_ms, ..request
        }
    }
}

proptest! {
    #[test]
    fn a_request_that_is_written_and_read_is_the_same_request(request in requests()) {
        let json = serde_json::to_string(&request).expect("written");
        let read: SearchRequest = serde_json::from_str(&json).expect("read");
        prop_assert_eq!(&read, &request, "{}", json);
        // Equal is not enough for 0 and -0.
        prop_assert_eq!(serde_json::to_string(&read).expect("written"), json);
    }
}

#[test]
fn a_plain_request_is_written_without_its_defaults() {
    let written = |request: &SearchRequest| serde_json::to_string(request).expect("written");
    assert_eq!(written(&SearchRequest::default()), "{}");
    let request = SearchRequest::hybrid("red", [1.0, 0.5])
        .filter(Filter::parse("year > 2000").expect("a filter"))
        .weight(Leg::Vector, 2.0)
        .candidates(50)
        .with_payload(false);
    let json = r#"{"text":"red","vector":[1.0,0.5],"filter":"year > 2000","legs":{"text":{"candidates":50},"vector":{"weight":2.0,"candidates":50}},"with_payload":false}"#;
    assert_eq!(written(&request), json);
}

#[test]
fn other_names_and_nulls_are_taken_and_unknown_members_refused() {
    let read = |json: &str| serde_json::from_str::<SearchRequest>(json);
    for (json, expected) in [
        (r#"{"k": 3}"#, SearchRequest::default().limit(3)),
        (r#"{"top_k": 3}"#, SearchRequest::default().limit(3)),
        (r#"{"filter": {"year": {"$gt": 2000}}}"#, {
            SearchRequest::default().filter(Filter::parse("year > 2000").expect("a filter"))
        }),
        (
            r#"{"limit": null, "filter": null, "mode": null, "fusion": null, "text": null, "field_weights": null}"#,
            SearchRequest::default(),
        ),
        (r#"{"fusion": {"dbsf": {}}}"#, SearchRequest::default().fusion(Fusion::dbsf())),
        (
            r#"{"fusion": {"weighted": {"alpha": 0.2, "normalize": "zscore", "complete": true}}}"#,
            SearchRequest::default().fusion(Fusion::scores(0.2)),
        ),
    ] {
        assert_eq!(read(json).expect("read"), expected, "{json}");
    }
    for (json, expected) in [
        (r#"{"txt": "a"}"#, "unknown field `txt`, expected one of `text`"),
        (r#"{"legs": {"txt": {}}}"#, "unknown variant `txt`"),
        (r#"{"params": {"efs": 3}}"#, "unknown field `efs`"),
        (r#"{"filter": {"a": {"$gtt": 1}}}"#, "filter.a.$gtt: this operator is not known"),
        (r#"{"offset": null}"#, "invalid type: null"),
    ] {
        let error = read(json).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }
}
