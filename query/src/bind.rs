//! From what a request says to what it means in one collection.

use crate::catalog::{Catalog, VectorField};
use crate::error::{Error, Result};
use crate::fusion::Fusion;
use crate::leg::{Leg, LegOptions};
use crate::limits::DEFAULT_CANDIDATES;
use crate::request::SearchRequest;
use crate::rerank::RerankMethod;

/// A request that names only what the collection has.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundRequest {
    /// The legs that run, in the order in which their contributions are added.
    pub legs: Vec<BoundLeg>,
    /// The request's fusion, or that of the collection.
    pub fusion: Fusion,
    /// The vector field whose query vector is wanted: by the vector leg, or by the reranker.
    pub query_field: Option<String>,
    /// The token field that late interaction compares.
    pub token_field: Option<String>,
}

/// One leg.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundLeg {
    /// Its kind.
    pub kind: Leg,
    /// Factor on its contributions.
    pub weight: f64,
    /// Number of hits it returns.
    pub window: usize,
    /// The vector field it searches.
    pub vector_field: Option<String>,
}

/// Checks a request against a collection.
///
/// # Errors
/// A limit crossed, a field the collection lacks, a vector of the wrong length, or nothing to
/// search by.
pub fn bind(request: &SearchRequest, catalog: &Catalog) -> Result<BoundRequest> {
    request.validate()?;
    let can_embed =
        request.text.is_some() && catalog.has_embedder && !catalog.vector_fields.is_empty();
    let running = running(request, catalog, can_embed)?;
    // A name that no leg uses is still checked: a typing error must not pass in silence.
    if request.vector_field.is_some() {
        vector_field(request, catalog)?;
    }
    check_field_weights(request.field_weights.keys(), catalog)?;
    let page = request.wanted_hits();
    // A reranker has its candidates from what the legs bring.
    let page = page.max(request.rerank.as_ref().map_or(0, |r| r.depth));
    let several = running.len() > 1;
    let mut legs = Vec::new();
    for kind in running {
        let LegOptions { weight, candidates } = request.legs[kind];
        let window = match candidates {
            Some(candidates) => candidates.max(page),
            None if several => DEFAULT_CANDIDATES.max(page),
            None => page,
        };
        let vector_field = match kind {
            Leg::Text => None,
            Leg::Vector => {
                let field = vector_field(request, catalog)?;
                query_given(request, can_embed, "the vector leg")?;
                Some(field.name.clone())
            }
        };
        legs.push(BoundLeg { kind, weight, window, vector_field });
    }
    let kind = request.rerank.as_ref().map(|r| &r.method);
    let compares = match kind {
        Some(kind) if kind.compares_vectors() => {
            query_given(request, can_embed, "a reranker that compares vectors")?;
            true
        }
        Some(RerankMethod::Model) => request.vector.is_some(),
        _ => false,
    };
    let token_field = match kind {
        Some(RerankMethod::LateInteraction { tokens, field }) => Some(match tokens {
            Some(tokens) => token_field(tokens, field.as_deref(), catalog)?,
            None => embedded_field(request, field.as_deref(), catalog)?,
        }),
        _ => None,
    };
    let query_field = match compares || legs.iter().any(|leg| leg.kind == Leg::Vector) {
        true => Some(vector_field(request, catalog)?.name.clone()),
        false => None,
    };
    let fusion = request.fusion.unwrap_or(catalog.fusion);
    Ok(BoundRequest { legs, fusion, query_field, token_field })
}

/// The legs that run, in the order of legs.
fn running(request: &SearchRequest, catalog: &Catalog, can_embed: bool) -> Result<Vec<Leg>> {
    let has_query = |leg: Leg| match leg {
        Leg::Text => request.text.is_some(),
        Leg::Vector => request.vector.is_some() || can_embed,
    };
    let runs = |leg: &Leg| request.mode.runs(*leg, has_query(*leg));
    let legs: Vec<Leg> = Leg::ALL.iter().copied().filter(runs).collect();
    if legs.is_empty() {
        return Err(Error::invalid("request", "give \"text\", \"vector\" or both"));
    }
    if legs.contains(&Leg::Text) && request.text.is_none() {
        return Err(Error::invalid("text", "the text leg is asked for and no text is given"));
    }
    if legs.contains(&Leg::Text) && catalog.text_fields.is_empty() {
        return Err(Error::invalid("text", "the collection has no text; search by vector"));
    }
    Ok(legs)
}

/// Checks that the text fields have an index that can be weighed.
///
/// # Errors
/// Names the first that has none, and those that have.
pub fn check_field_weights<'a>(
    fields: impl IntoIterator<Item = &'a String>,
    catalog: &Catalog,
) -> Result<()> {
    let known = &catalog.weighed_fields;
    let Some(name) = fields.into_iter().find(|name| !known.contains(name)) else {
        return Ok(());
    };
    let declared = "a weight needs an index of the field alone, which the collection makes for text fields that are \
                    declared with a \"weight\"";
    Err(match known.as_slice() {
        [] => Error::invalid(
            "field_weights",
            format!("{name:?} is named; {declared}, and it has none"),
        ),
        known => {
            Error::invalid("field_weights", format!("{name:?} is named; {declared}: {known:?}"))
        }
    })
}

fn query_given(request: &SearchRequest, can_embed: bool, subject: &str) -> Result<()> {
    if request.vector.is_some() || can_embed {
        return Ok(());
    }
    let detail = format!("{subject} needs \"vector\", or text and a collection with a model");
    Err(Error::invalid("vector", detail))
}

fn vector_field<'a>(request: &SearchRequest, catalog: &'a Catalog) -> Result<&'a VectorField> {
    let named = request.vector_field.as_deref();
    let field = match named {
        Some(name) => catalog.vector_fields.iter().find(|f| f.name == name),
        None => catalog.vector_fields.first(),
    };
    let Some(field) = field else {
        return Err(match named {
            None => Error::invalid("vector", "the collection has no vectors; search by text"),
            Some(name) => Error::UnknownField {
                at: "vector_field".to_owned(),
                kind: "vector",
                name: name.to_owned(),
                known: catalog.vector_fields.iter().map(|f| f.name.clone()).collect(),
            },
        });
    };
    match &request.vector {
        Some(vector) if vector.len() != field.dim => Err(Error::Dimension {
            field: field.name.clone(),
            expected: field.dim,
            found: vector.len(),
        }),
        _ => Ok(field),
    }
}

/// The token field that the model fills, for a query whose token vectors the model is to make.
fn embedded_field(
    request: &SearchRequest,
    named: Option<&str>,
    catalog: &Catalog,
) -> Result<String> {
    let at = "rerank.late_interaction";
    if let Some(named) = named {
        token_field(&[], Some(named), catalog)?;
    }
    let Some(filled) = &catalog.embedded_tokens else {
        let detail = "no model fills this collection's token vectors; give \"query_tokens\", or make the \
                      collection with late interaction of its model";
        return Err(Error::invalid(at, detail));
    };
    if let Some(named) = named.filter(|named| named != filled) {
        let detail = format!(
            "the model fills field {filled:?}, not {named:?}; name that one, or give \"query_tokens\""
        );
        return Err(Error::invalid(format!("{at}.field"), detail));
    }
    if request.text.is_none() {
        let detail =
            "there are no words to make token vectors of; give \"text\" or \"query_tokens\"";
        return Err(Error::invalid(at, detail));
    }
    Ok(filled.clone())
}

/// The token field that is meant, for token vectors that fit it.
fn token_field(tokens: &[Vec<f32>], named: Option<&str>, catalog: &Catalog) -> Result<String> {
    let at = "rerank.late_interaction.field";
    let names = || catalog.token_fields.iter().map(|f| f.name.clone()).collect::<Vec<_>>();
    let field = match (named, catalog.token_fields.as_slice()) {
        (_, []) => {
            let detail = "the collection has no token vectors; leave the rerank out";
            return Err(Error::invalid("rerank.late_interaction", detail));
        }
        (None, [only]) => Some(only),
        (None, _) => {
            return Err(Error::invalid(at, format!("name one of {:?}", names())));
        }
        (Some(name), fields) => fields.iter().find(|f| f.name == name),
    };
    let Some(field) = field else {
        let name = named.unwrap_or_default().to_owned();
        return Err(Error::UnknownField { at: at.to_owned(), kind: "token", name, known: names() });
    };
    match tokens.iter().enumerate().find(|(_, token)| token.len() != field.dim) {
        None => Ok(field.name.clone()),
        Some((i, token)) => Err(Error::invalid(
            format!("rerank.late_interaction.query_tokens[{i}]"),
            format!("it has {} components, field {:?} has {}", token.len(), field.name, field.dim),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Mode;
    use crate::rerank::Rerank;

    fn catalog(dims: &[usize], has_embedder: bool) -> Catalog {
        let field = |(i, &dim): (usize, &usize)| VectorField { name: format!("v{i}"), dim };
        Catalog {
            text_fields: vec!["text".to_owned()],
            vector_fields: dims.iter().enumerate().map(field).collect(),
            has_embedder,
            ..Catalog::default()
        }
    }

    #[test]
    fn legs_follow_what_is_given() {
        use Leg::{Text, Vector};
        let (plain, embedding) = (catalog(&[2], false), catalog(&[2], true));
        let v = || vec![1.0, 0.0];
        for (request, catalog, expected) in [
            (SearchRequest::text("a"), &plain, vec![(Text, 10)]),
            (SearchRequest::text("a"), &embedding, vec![(Text, 100), (Vector, 100)]),
            (SearchRequest::text("a").mode(Mode::Vector), &embedding, vec![(Vector, 10)]),
            (SearchRequest::vector(v()), &plain, vec![(Vector, 10)]),
            (SearchRequest::hybrid("a", v()), &plain, vec![(Text, 100), (Vector, 100)]),
            (SearchRequest::hybrid("a", v()).mode(Mode::Text), &plain, vec![(Text, 10)]),
            (SearchRequest::hybrid("a", v()).limit(300), &plain, vec![(Text, 300), (Vector, 300)]),
            (SearchRequest::text("a").limit(5).offset(20), &plain, vec![(Text, 25)]),
            (SearchRequest::text("a").candidates(50), &plain, vec![(Text, 50)]),
            (SearchRequest::text("a").rerank(Rerank::model().depth(70)), &plain, vec![(Text, 70)]),
        ] {
            let bound = bind(&request, catalog).expect("bound");
            let legs: Vec<_> = bound.legs.iter().map(|l| (l.kind, l.window)).collect();
            assert_eq!(legs, expected, "{request:?}");
        }
    }

    #[test]
    fn faults_are_told() {
        let (plain, none) = (catalog(&[2, 3], false), catalog(&[], false));
        let titled = Catalog { weighed_fields: vec!["title".to_owned()], ..none.clone() };
        bind(&SearchRequest::text("a").field_weight("title", 2.0), &titled).expect("bound");
        let named = |name: &str| {
            let mut request = SearchRequest::vector(vec![1.0, 0.0]);
            request.vector_field = Some(name.to_owned());
            request
        };
        for (request, catalog, expected) in [
            (SearchRequest::default(), &plain, "give \"text\""),
            (SearchRequest::vector(vec![1.0]), &plain, "1 components, field \"v0\" has 2"),
            (named("v1"), &plain, "2 components, field \"v1\" has 3"),
            (named("w"), &plain, "no vector field \"w\"; it has [\"v0\", \"v1\"]"),
            (SearchRequest::vector(vec![1.0]), &none, "the collection has no vectors"),
            (SearchRequest::text("a").mode(Mode::Vector), &plain, "needs \"vector\""),
            (SearchRequest::vector(vec![1.0, 1.0]).mode(Mode::Hybrid), &plain, "no text is given"),
            (SearchRequest::vector(vec![1.0, f32::NAN]), &plain, "vector[1]"),
            (SearchRequest::text("a").limit(10_001), &plain, "10001 is over the limit of 10000"),
            (SearchRequest::text("a").limit(1).offset(usize::MAX), &plain, "limit + offset"),
            (SearchRequest::text("a").ef(5_000), &plain, "params.ef"),
            (SearchRequest::text("x".repeat((1 << 20) + 1)), &plain, "bytes of the query text"),
            (SearchRequest::text("a").weight(Leg::Text, -1.0), &plain, "legs.text.weight"),
            (SearchRequest::text("a").field_weight("title", 101.0), &plain, "text field \"title\""),
            (SearchRequest::text("a").field_weight("title", f64::NAN), &plain, "above 0 up to 100"),
            (SearchRequest::text("a").field_weight("text", 2.0), &plain, "\"text\" is named"),
            (
                SearchRequest::text("a").field_weight("text", 2.0),
                &titled,
                "\"weight\": [\"title\"]",
            ),
            (SearchRequest::text("a").rerank(Rerank::exact()), &plain, "compares vectors needs"),
            (SearchRequest::text("a").rerank(Rerank::mmr(2.0)), &plain, "rerank.mmr.lambda"),
            (SearchRequest::text("a").score_threshold(f64::NAN), &plain, "score_threshold"),
            (SearchRequest::text("a").deadline_ms(600_001), &plain, "deadline_ms"),
        ] {
            let error = bind(&request, catalog).expect_err("must be refused").to_string();
            assert!(error.contains(expected), "{error:?} lacks {expected:?}");
        }
    }

    #[test]
    fn late_interaction_names_its_field_and_its_faults() {
        let fields = |dims: &[usize]| {
            let field = |(i, &dim): (usize, &usize)| VectorField { name: format!("t{i}"), dim };
            let token_fields = dims.iter().enumerate().map(field).collect();
            Catalog { token_fields, ..catalog(&[], false) }
        };
        let (one, two, none) = (fields(&[2]), fields(&[2, 3]), fields(&[]));
        let late = |dim: usize| Rerank::late_interaction(vec![vec![1.0; 2], vec![1.0; dim]]);
        let field = |rerank: Rerank, catalog: &Catalog| {
            let request = SearchRequest::text("a").rerank(rerank.depth(70));
            bind(&request, catalog).map(|bound| (bound.token_field, bound.legs[0].window))
        };
        assert_eq!(field(late(2), &one), Ok((Some("t0".to_owned()), 70)));
        assert_eq!(field(late(2).token_field("t0"), &two), Ok((Some("t0".to_owned()), 70)));
        for (rerank, catalog, expected) in [
            (late(2), &none, "has no token vectors"),
            (late(2), &two, "name one of [\"t0\", \"t1\"]"),
            (late(2).token_field("t7"), &one, "no token field \"t7\"; it has [\"t0\"]"),
            (late(3), &one, "query_tokens[1]: it has 3 components, field \"t0\" has 2"),
        ] {
            let error = field(rerank, catalog).expect_err("must be refused").to_string();
            assert!(error.contains(expected), "{error:?} lacks {expected:?}");
        }
        // Without token vectors the field is the model's.
        let own = Rerank::late_interaction_by_model;
        let filled = Catalog { embedded_tokens: Some("t1".to_owned()), ..fields(&[2, 3]) };
        assert_eq!(field(own(), &filled), Ok((Some("t1".to_owned()), 70)));
        assert_eq!(field(own().token_field("t1"), &filled), Ok((Some("t1".to_owned()), 70)));
        for (rerank, catalog, expected) in [
            (own(), &two, "no model fills this collection's token vectors"),
            (own().token_field("t0"), &filled, "fills field \"t1\", not \"t0\""),
            (own().token_field("t7"), &filled, "no token field \"t7\""),
        ] {
            let error = field(rerank, catalog).expect_err("must be refused").to_string();
            assert!(error.contains(expected), "{error:?} lacks {expected:?}");
        }
        let wordless = SearchRequest::vector(vec![1.0; 2]).rerank(own());
        let filled = Catalog { embedded_tokens: Some("t0".to_owned()), ..catalog(&[2], true) };
        let filled = Catalog { token_fields: filled.vector_fields.clone(), ..filled };
        let error = bind(&wordless, &filled).expect_err("must be refused").to_string();
        assert!(error.contains("no words to make token vectors of"), "{error}");
    }
}
