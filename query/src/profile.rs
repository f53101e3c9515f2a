//! A profile: settings of a search under a name, and how a request takes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::leg::{Leg, LegOptions, PerLeg};
use crate::request::{Bm25, ConfidenceFloor, Fusion, Mode, SearchRequest, Typos};
use crate::rerank::{Rerank, RerankMethod};

/// Settings of a search. Each is taken by a request that leaves it at its default: a value that the
/// request sets to anything else wins. (A value set to the default cannot be distinguished from an
/// unset one.)
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Form", into = "Form")]
pub struct Profile {
    /// The legs that run.
    pub mode: Option<Mode>,
    /// Settings of each leg; as JSON each is a member with the name of its leg.
    pub legs: PerLeg<LegProfile>,
    /// The constants of BM25.
    pub bm25: Option<Bm25>,
    /// Weights of text fields by name; each is taken by a request that has none for the field.
    pub field_weights: BTreeMap<String, f64>,
    /// False to look for plain words without the collection's synonyms.
    pub synonyms: Option<bool>,
    /// The typing errors that plain words may have.
    pub typos: Option<Typos>,
    /// The rule that makes one list of the legs' lists.
    pub fusion: Option<Fusion>,
    /// The reranker of the fused list; never late interaction with token vectors, which belong to a query.
    pub rerank: Option<Rerank>,
    /// Beam of graph walks; taken if the request has neither a beam nor a target recall.
    pub ef: Option<usize>,
    /// Recall wanted; taken if the request has neither a beam nor a target recall.
    pub target_recall: Option<f64>,
    /// Raw score of a leg below which an answer is not confident.
    pub floor: Option<ConfidenceFloor>,
}

/// The JSON of a profile, as manifests hold it: the members of each leg stand among the others.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Form {
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    #[serde(skip_serializing_if = "LegProfile::is_empty")]
    text: LegProfile,
    #[serde(skip_serializing_if = "LegProfile::is_empty")]
    vector: LegProfile,
    #[serde(skip_serializing_if = "Option::is_none")]
    bm25: Option<Bm25>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    field_weights: BTreeMap<String, f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    synonyms: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    typos: Option<Typos>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fusion: Option<Fusion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rerank: Option<Rerank>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ef: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_recall: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    floor: Option<ConfidenceFloor>,
}

impl From<Form> for Profile {
    fn from(form: Form) -> Self {
        let Form { mode, text, vector, bm25, field_weights, synonyms, typos, .. } = form;
        let Form { fusion, rerank, ef, target_recall, floor, .. } = form;
        let legs = PerLeg::new(|leg| match leg {
            Leg::Text => text,
            Leg::Vector => vector,
        });
        Self {
            mode,
            legs,
            bm25,
            field_weights,
            synonyms,
            typos,
            fusion,
            rerank,
            ef,
            target_recall,
            floor,
        }
    }
}

impl From<Profile> for Form {
    fn from(profile: Profile) -> Self {
        let Profile { mode, legs, bm25, field_weights, synonyms, typos, .. } = profile;
        let Profile { fusion, rerank, ef, target_recall, floor, .. } = profile;
        let (text, vector) = (legs[Leg::Text], legs[Leg::Vector]);
        Self {
            mode,
            text,
            vector,
            bm25,
            field_weights,
            synonyms,
            typos,
            fusion,
            rerank,
            ef,
            target_recall,
            floor,
        }
    }
}

/// Settings of one leg.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LegProfile {
    /// Factor on what the leg contributes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// Hits the leg brings to the fusion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidates: Option<usize>,
}

impl LegProfile {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn apply(&self, options: &mut LegOptions) {
        if options.weight == LegOptions::default().weight {
            options.weight = self.weight.unwrap_or(options.weight);
        }
        options.candidates = options.candidates.or(self.candidates);
    }
}

impl Profile {
    /// Gives the request what it leaves at its defaults.
    pub fn apply(&self, request: &mut SearchRequest) {
        if request.mode == Mode::default() {
            request.mode = self.mode.unwrap_or_default();
        }
        for (leg, options) in request.legs.iter_mut() {
            self.legs[leg].apply(options);
        }
        request.bm25 = request.bm25.or(self.bm25);
        for (field, weight) in &self.field_weights {
            request.field_weights.entry(field.clone()).or_insert(*weight);
        }
        request.synonyms &= self.synonyms.unwrap_or(true);
        if request.typos == Typos::Off {
            request.typos = self.typos.unwrap_or_default();
        }
        request.fusion = request.fusion.or(self.fusion);
        if request.rerank.is_none() {
            request.rerank.clone_from(&self.rerank);
        }
        let params = &mut request.params;
        if params.ef.is_none() && params.target_recall.is_none() {
            (params.ef, params.target_recall) = (self.ef, self.target_recall);
        }
        request.floor = request.floor.or(self.floor);
    }

    /// Checks every number against its limit, as those of a request.
    pub fn check(&self) -> Result<()> {
        let method = self.rerank.as_ref().map(|rerank| &rerank.method);
        if let Some(RerankMethod::LateInteraction { tokens: Some(_), .. }) = method {
            let detail = "the token vectors of a query are no setting; leave them to the collection's model, or \
                          give them with the search";
            return Err(Error::invalid("rerank.late_interaction", detail));
        }
        let mut request = SearchRequest::default();
        self.apply(&mut request);
        request.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Normalize;

    fn full() -> Profile {
        Profile {
            mode: Some(Mode::Hybrid),
            legs: PerLeg::new(|leg| match leg {
                Leg::Text => LegProfile { weight: Some(2.0), candidates: Some(50) },
                Leg::Vector => LegProfile { weight: Some(0.5), candidates: Some(70) },
            }),
            bm25: Some(Bm25 { k1: 0.9, b: 0.4 }),
            field_weights: [("heading".to_owned(), 2.0), ("title".to_owned(), 4.0)].into(),
            synonyms: Some(false),
            typos: Some(Typos::Auto),
            fusion: Some(Fusion::weighted(0.3, Normalize::ZScore)),
            rerank: Some(Rerank::mmr(0.7).depth(30)),
            ef: Some(99),
            target_recall: None,
            floor: Some(ConfidenceFloor { leg: Leg::Vector, score: 0.25 }),
        }
    }

    #[test]
    fn a_request_takes_what_it_leaves_at_its_defaults_and_keeps_the_rest() {
        let profile = full();
        let mut taking = SearchRequest::text("a");
        profile.apply(&mut taking);
        assert_eq!(taking.legs[Leg::Text], LegOptions { weight: 2.0, candidates: Some(50) });
        assert_eq!(taking.legs[Leg::Vector], LegOptions { weight: 0.5, candidates: Some(70) });
        assert_eq!((taking.mode, taking.fusion), (Mode::Hybrid, profile.fusion));
        assert_eq!((taking.synonyms, taking.typos), (false, Typos::Auto));
        assert_eq!(
            (taking.bm25, taking.params.ef, taking.floor, taking.rerank),
            (profile.bm25, Some(99), profile.floor, profile.rerank.clone())
        );
        assert_eq!(taking.field_weights, profile.field_weights);

        let mut own = SearchRequest::text("a").mode(Mode::Text).candidates(7).target_recall(0.9);
        own = own.weight(Leg::Text, 3.0).fusion(Fusion::rrf(10.0));
        own = own.field_weight("title", 1.0);
        own.bm25 = Some(Bm25::default());
        own.typos = Typos::One;
        own.rerank = Some(Rerank::exact());
        own.floor = Some(ConfidenceFloor { leg: Leg::Text, score: 1.0 });
        let mut applied = own.clone();
        profile.apply(&mut applied);
        own.legs[Leg::Vector].weight = 0.5;
        own.synonyms = false;
        own = own.field_weight("heading", 2.0);
        assert_eq!(applied, own);

        let mut unchanged = SearchRequest::text("a");
        Profile::default().apply(&mut unchanged);
        assert_eq!(unchanged, SearchRequest::text("a"));
    }

    #[test]
    fn json_holds_a_profile_and_bad_ones_are_refused() {
        let dbsf = Profile { fusion: Some(Fusion::dbsf()), ..Profile::default() };
        assert_eq!(serde_json::to_string(&dbsf).expect("written"), r#"{"fusion":{"dbsf":{}}}"#);
        for profile in [Profile::default(), full(), dbsf] {
            let json = serde_json::to_string(&profile).expect("written");
            assert_eq!(serde_json::from_str::<Profile>(&json).expect("read"), profile, "{json}");
            profile.check().expect("within the limits");
        }
        assert_eq!(serde_json::to_string(&Profile::default()).expect("written"), "{}");
        for (json, expected) in [
            (r#"{"text": {"weight": -1}}"#, "legs.text.weight"),
            (r#"{"vector": {"candidates": 10001}}"#, "legs.vector.candidates"),
            (r#"{"bm25": {"b": 2}}"#, "bm25.b"),
            (r#"{"field_weights": {"title": 0}}"#, "weight of the text field \"title\""),
            (r#"{"fusion": {"weighted": {"alpha": 2, "normalize": "none"}}}"#, "fusion.weighted"),
            (r#"{"ef": 5000}"#, "params.ef"),
            (r#"{"rerank": {"exact": {"depth": 0}}}"#, "rerank.exact.depth"),
            (r#"{"rerank": {"late_interaction": {"query_tokens": [[1]]}}}"#, "late_interaction"),
            (r#"{"ef": 50, "target_recall": 0.9}"#, "params.target_recall"),
        ] {
            let profile: Profile = serde_json::from_str(json).expect("its form is right");
            let error = profile.check().expect_err("refused").to_string();
            assert!(error.contains(expected), "{error}");
        }
        for json in [
            r#"{"fuson": "dbsf"}"#,
            r#"{"floor": {"leg": "text"}}"#,
            r#"{"fusion": 1}"#,
            r#"{"rerank": {"mmr": {"lamda": 1}}}"#,
            r#"{"fusion": {"rrf": {"x": 1}}}"#,
        ] {
            serde_json::from_str::<Profile>(json).expect_err("refused");
        }
    }
}
