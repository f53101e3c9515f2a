//! A profile: settings of a search under a name, and how a request takes them.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::request::{Bm25, Fusion, Leg, LegOptions, Mode, SearchRequest};
use crate::rerank::{Rerank, RerankKind};

/// Settings of a search. Each is taken by a request that leaves it at its default: what a request sets
/// to anything else itself wins. (A value set to the default cannot be told from one that was not set.)
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// Which legs run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Settings of the text leg.
    #[serde(skip_serializing_if = "LegProfile::is_empty")]
    pub text: LegProfile,
    /// Settings of the vector leg.
    #[serde(skip_serializing_if = "LegProfile::is_empty")]
    pub vector: LegProfile,
    /// The constants of BM25.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bm25: Option<Bm25>,
    /// How the legs become one list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fusion: Option<Fusion>,
    /// How the fused list is ordered anew; late interaction is none for a profile, as it needs the token
    /// vectors of a query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerank: Option<Rerank>,
    /// Beam of graph walks; taken where the request has neither this nor a target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ef: Option<usize>,
    /// Recall wanted; taken where the request has neither this nor a beam.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_recall: Option<f64>,
    /// Under which score an answer is none to rely on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<Floor>,
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

/// The score that the best row of a leg reaches where there is an answer. It is the leg's raw score,
/// a similarity or BM25: fused scores tell ranks or places within a list, and the best of a list of
/// nothing but noise has the same as any other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floor {
    /// The leg.
    pub leg: Leg,
    /// Its score.
    pub score: f64,
}

impl Floor {
    /// Refuses a score that is no number.
    pub fn check(&self) -> Result<()> {
        match self.score.is_finite() {
            true => Ok(()),
            false => Err(Error::invalid("floor.score", "a finite number is expected")),
        }
    }
}

impl Profile {
    /// Gives the request what it leaves at its defaults.
    pub fn apply(&self, request: &mut SearchRequest) {
        if request.mode == Mode::default() {
            request.mode = self.mode.unwrap_or_default();
        }
        self.text.apply(&mut request.text_leg);
        self.vector.apply(&mut request.vector_leg);
        request.bm25 = request.bm25.or(self.bm25);
        if request.fusion == Fusion::default() {
            request.fusion = self.fusion.unwrap_or_default();
        }
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
        let kind = self.rerank.as_ref().map(|rerank| &rerank.kind);
        if let Some(RerankKind::LateInteraction { tokens: Some(_), .. }) = kind {
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
            text: LegProfile { weight: Some(2.0), candidates: Some(50) },
            vector: LegProfile { weight: Some(0.5), candidates: Some(70) },
            bm25: Some(Bm25 { k1: 0.9, b: 0.4 }),
            fusion: Some(Fusion::Weighted { alpha: 0.3, normalize: Normalize::ZScore }),
            rerank: Some(Rerank::mmr(0.7).depth(30)),
            ef: Some(99),
            target_recall: None,
            floor: Some(Floor { leg: Leg::Vector, score: 0.25 }),
        }
    }

    #[test]
    fn a_request_takes_what_it_leaves_at_its_defaults_and_keeps_the_rest() {
        let profile = full();
        let mut bare = SearchRequest::text("a");
        profile.apply(&mut bare);
        assert_eq!(bare.text_leg, LegOptions { weight: 2.0, candidates: Some(50) });
        assert_eq!(bare.vector_leg, LegOptions { weight: 0.5, candidates: Some(70) });
        assert_eq!((bare.mode, Some(bare.fusion)), (Mode::Hybrid, profile.fusion));
        assert_eq!(
            (bare.bm25, bare.params.ef, bare.floor, bare.rerank),
            (profile.bm25, Some(99), profile.floor, profile.rerank.clone())
        );

        let mut own = SearchRequest::text("a").mode(Mode::Text).candidates(7).target_recall(0.9);
        own = own.weights(3.0, 1.0).fusion(Fusion::Rrf { k: 10.0 });
        own.bm25 = Some(Bm25::default());
        own.rerank = Some(Rerank::exact());
        own.floor = Some(Floor { leg: Leg::Text, score: 1.0 });
        let mut applied = own.clone();
        profile.apply(&mut applied);
        own.vector_leg.weight = 0.5;
        assert_eq!(applied, own);

        let mut unchanged = SearchRequest::text("a");
        Profile::default().apply(&mut unchanged);
        assert_eq!(unchanged, SearchRequest::text("a"));
    }

    #[test]
    fn json_holds_a_profile_and_bad_ones_are_refused() {
        let dbsf = Profile { fusion: Some(Fusion::Dbsf), ..Profile::default() };
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
