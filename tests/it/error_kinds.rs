//! Errors as a program handles them: by kind and by field, without a look at their texts.

use lexivec::{
    Collection, Document, DocumentFault, Error, ErrorKind, Metric, Options, RecallOptions,
    RecallQueries, SearchRequest,
};

fn collection() -> Collection {
    Collection::in_memory(Options::new().vector(2, Metric::Cosine).tokens(2)).expect("made")
}

/// The index and the fault of a refused document.
fn fault(documents: Vec<Document>) -> (usize, DocumentFault, ErrorKind) {
    let error = collection().upsert(documents).expect_err("refused");
    let kind = error.kind();
    match error {
        Error::Document { position, fault, .. } => (position, fault, kind),
        other => panic!("{other}"),
    }
}

#[test]
fn a_wrong_dimension_can_be_matched_wherever_it_is_given() {
    let (position, found, kind) =
        fault(vec![Document::new("a"), Document::new("b").vector([1.0, 2.0, 3.0])]);
    let field = "vector".to_owned();
    let expected = DocumentFault::Dimension { field, token: None, expected: 2, found: 3 };
    assert_eq!((position, kind), (1, ErrorKind::DimensionMismatch));
    assert_eq!(found, expected);
    let (_, found, kind) = fault(vec![Document::new("a").tokens(vec![vec![1.0; 2], vec![1.0]])]);
    let field = "tokens".to_owned();
    let expected = DocumentFault::Dimension { field, token: Some(1), expected: 2, found: 1 };
    assert_eq!((found, kind), (expected, ErrorKind::DimensionMismatch));

    let collection = collection();
    let request = SearchRequest::vector([1.0, 2.0, 3.0]);
    let mut recall = RecallOptions::default();
    recall.queries = RecallQueries::Given(vec![vec![1.0, 2.0, 3.0]]);
    for error in [
        collection.search(&request).err(),
        collection.search_many(&[request]).err(),
        collection.searcher().expect("a view").recall(&recall).err(),
    ] {
        let error = error.expect("refused");
        assert_eq!(error.kind(), ErrorKind::DimensionMismatch, "{error}");
        assert!(error.kind().is_input());
    }
}

#[test]
fn a_refused_document_says_its_field() {
    for (document, field) in [
        (Document::new("a").text_in("body", "wing"), Some("body")),
        (Document::new("a").vector_in("other", [1.0, 0.0]), Some("other")),
        (Document::new("a").vector([0.0, 0.0]), Some("vector")),
        (Document::new("a").vector([f32::NAN, 0.0]), Some("vector")),
        (Document::new("a").tokens(vec![]), Some("tokens")),
        (Document::new(""), None),
    ] {
        let (_, fault, kind) = fault(vec![document]);
        assert_eq!((fault.field(), kind), (field, ErrorKind::InvalidDocument), "{fault}");
    }
    let twice = fault(vec![Document::new("a"), Document::new("a")]);
    assert_eq!(twice, (1, DocumentFault::Duplicate { first: 0 }, ErrorKind::InvalidDocument));
}

#[test]
fn states_of_a_directory_have_kinds_of_their_own() {
    let scratch = tempfile::tempdir().expect("a directory");
    let path = scratch.path().join("one");
    let kind = |result: lexivec::Result<Collection>| result.expect_err("refused").kind();
    assert_eq!(kind(Collection::open(&path)), ErrorKind::NotFound);
    let writer = Collection::create(&path, Options::new()).expect("made");
    assert_eq!(kind(Collection::open(&path)), ErrorKind::Locked);
    assert_eq!(kind(Collection::create(&path, Options::new())), ErrorKind::AlreadyExists);
    let reader = Collection::open_read_only(&path).expect("opened");
    let error = reader.upsert(vec![Document::new("a")]).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::ReadOnly);
    drop(writer);
    let invalid = Options::new().name("No Name");
    assert_eq!(kind(Collection::in_memory(invalid)), ErrorKind::InvalidArgument);
    let error = reader.search(&SearchRequest::text("wing").limit(usize::MAX)).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
}
