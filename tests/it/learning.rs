//! Feedback and query adapters: what helps is kept, what does not is refused, and nothing is lost.

use std::path::Path;

use lexivec::query::limits::MAX_GIVEN_QUERY_BYTES;
use lexivec::query::request::AdapterChoice;
use lexivec::{
    AdapterOptions, Collection, CopyOptions, Document, ErrorKind, Feedback, Filter, Metric,
    Options, SearchRequest, Snapshot,
};
use lexivec_tests::{Random, test_data};
use serde_json::{Value, json};

use crate::http::Running;
use crate::{arg, lexivec, lexivec_ok};

const DIM: usize = 16;

/// Rows, and queries that are each near one of them but for two components, which are exchanged.
fn rows_and_feedback() -> (Vec<Document>, Vec<Feedback>) {
    let mut random = Random(11);
    let vectors: Vec<Vec<f32>> = (0..600).map(|_| random.vector(DIM)).collect();
    let row = |(i, v): (usize, &Vec<f32>)| Document::new(format!("r{i}")).vector(v.clone());
    let ask = |i: usize| {
        let mut vector: Vec<f32> = vectors[i].clone();
        vector.swap(0, 1);
        let shown = vec![format!("r{}", (i + 7) % 600), format!("r{i}")];
        Feedback { text: None, vector: Some(vector), relevant: vec![format!("r{i}")], shown }
    };
    (vectors.iter().enumerate().map(row).collect(), (0..240).map(ask).collect())
}

/// A training that learns a lot from little, as the rows are no real ones.
fn eager() -> AdapterOptions {
    let mut options = AdapterOptions::default();
    (options.training.alpha, options.training.rate) = (64.0, 3e-3);
    options.training.epochs = 40;
    options
}

fn options() -> Options {
    Options::new().vector(DIM, Metric::Cosine)
}

#[test]
fn an_adapter_that_helps_is_kept_chosen_and_exchanged() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("c");
    let (rows, feedback) = rows_and_feedback();
    let question = SearchRequest::vector(feedback[3].vector.clone().expect("a vector"));
    let with = |choice| question.clone().adapter(choice);
    let plain = {
        let collection = Collection::create(&dir, options()).expect("made");
        collection.upsert(rows).expect("written");
        // What is refused makes nothing.
        collection.add_feedback(&[]).expect_err("nothing");
        collection.train_adapter(&eager()).expect_err("nothing to learn from");
        collection.activate_adapter(Some(1)).expect_err("none");
        collection.delete_adapter(1).expect_err("none");
        collection.activate_adapter(None).expect("none is active");
        assert!(!dir.join("learning").exists());
        let answer = |request: &SearchRequest| {
            let mut answer = collection.search(request).expect("an answer");
            // The first feedback makes a generation, which names its store.
            answer.generation = 0;
            answer
        };
        let plain = answer(&question);
        let taken = collection.add_feedback(&feedback).expect("taken in");
        assert_eq!((taken.taken, taken.known, taken.total), (240, 0, 240));
        let again = collection.add_feedback(&feedback[..9]).expect("taken in");
        assert_eq!((again.taken, again.known, again.total), (0, 9, 240));

        let report = collection.train_adapter(&eager()).expect("trained");
        assert!(report.validation.passed && report.version == Some(1), "{report:?}");
        assert!(report.validation.after > report.validation.before + 0.03, "{report:?}");
        // It changes only the requests that name it.
        assert_eq!(answer(&question), plain);
        let named = answer(&with(AdapterChoice::Version(1)));
        assert_eq!(named.adapter, Some(1));
        assert_ne!(named.hits[0].score, plain.hits[0].score);
        collection.activate_adapter(Some(1)).expect("active");
        assert_eq!(answer(&question), named);
        assert_eq!(answer(&with(AdapterChoice::Off)), plain);
        // The same training is the same adapter.
        let report = collection.train_adapter(&eager()).expect("trained");
        assert_eq!(report.version, Some(2));
        collection.activate_adapter(Some(2)).expect("active");
        let swapped = answer(&question);
        assert_eq!((swapped.adapter, &swapped.hits), (Some(2), &named.hits));

        versions_are_checked(&collection, &question);
        plain
    };
    it_is_all_there_again(scratch.path(), &dir, &question, &plain.hits, &feedback);
    damage_is_found(&dir);
    a_lost_sibling_is_reported(scratch.path(), &dir);
}

/// A collection whose feedback store is missing, or is another collection's, says so wherever an adapter would count, and
/// makes no new store in its place.
#[test]
fn a_store_of_adapters_that_is_not_there_is_reported() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (root, elsewhere) = (scratch.path().join("root"), scratch.path().join("elsewhere"));
    let (rows, feedback) = rows_and_feedback();
    let [dir, other] = ["c", "other"].map(|name| {
        let dir = root.join(name);
        let collection = Collection::create(&dir, options().name(name)).expect("made");
        collection.upsert(rows.clone()).expect("written");
        collection.add_feedback(&feedback).expect("taken in");
        let version = collection.train_adapter(&eager()).expect("trained").version;
        collection.activate_adapter(version).expect("active");
        collection.snapshot("kept").expect("kept");
        dir
    });
    let question = SearchRequest::vector(feedback[3].vector.clone().expect("a vector"));
    let sound = Collection::open_read_only(&dir).expect("opened").search(&question);
    assert!(sound.expect("an answer").notices.is_empty());
    let (store, kept) = (dir.join("learning"), dir.join("snapshots/kept/learning"));
    std::fs::rename(&store, &elsewhere).expect("moved");
    for foreign in [false, true] {
        if foreign {
            std::fs::rename(other.join("learning"), &store).expect("moved");
        }
        let writer = Collection::open(&dir).expect("opened");
        let answer = writer.search(&question).expect("an answer");
        assert!(answer.adapter.is_none() && answer.notices.len() == 1, "{answer:?}");
        let off = question.clone().adapter(AdapterChoice::Off);
        assert!(writer.search(&off).expect("an answer").notices.is_empty());
        let named = question.clone().adapter(AdapterChoice::Version(1));
        for error in [
            writer.search(&named).expect_err("no adapter"),
            writer.adapters().expect_err("none can be read"),
            writer.activate_adapter(Some(1)).expect_err("none can be read"),
            writer.activate_adapter(None).expect_err("none can be read"),
            writer.add_feedback(&feedback[..1]).expect_err("no store"),
            writer.train_adapter(&eager()).expect_err("no store"),
            writer.snapshot("later").expect_err("not whole"),
            writer.export(&mut Vec::new()).expect_err("not whole"),
        ] {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            assert!(error.to_string().contains("learning"), "{error}");
        }
        assert!(writer.stats().expect("counted").damage.is_some_and(|d| d.contains("learning")));
        assert_eq!(store.exists(), foreign);
        drop(writer);
        let report = Collection::verify(&dir, lexivec::VerifyLevel::Quick).expect("verified");
        assert!(report.problems.iter().any(|p| p.file == "learning"), "{report:?}");
        let target = scratch.path().join(format!("repaired-{foreign}"));
        let report = Collection::repair(&dir, &target, CopyOptions::new()).expect("repaired");
        assert_eq!(report.lost, ["everything in learning"]);
        let rest = Collection::open(&target).expect("opened");
        assert!(rest.damage().is_none() && rest.adapters().expect("read").is_empty());
    }
    assert_eq!(served(&root), ("c".to_owned(), 1.0));
    // The snapshot has the store: the way out that the message gives.
    std::fs::remove_dir_all(&store).expect("removed");
    lexivec_ok(&["snapshot", "list", arg(&dir)]);
    let restored = scratch.path().join("restored");
    let snapshot = Snapshot::path(&dir, "kept").expect("a path");
    Snapshot::restore(&snapshot, &restored, CopyOptions::new()).expect("restored");
    std::fs::rename(restored.join("learning"), &store).expect("moved");
    let mended = Collection::open(&dir).expect("opened");
    assert_eq!(mended.search(&question).expect("an answer").adapter, Some(1));
    std::fs::remove_dir_all(kept).expect("removed");
    let error = Snapshot::restore(snapshot, scratch.path().join("again"), CopyOptions::new());
    assert!(error.expect_err("not whole").to_string().contains("learning"));
}

/// The damaged collection that the health of a server names, and the gauge of its metrics.
fn served(root: &Path) -> (String, f64) {
    let server = Running::start(root);
    let (status, health) = server.json("GET", "/healthz", &Value::Null);
    let damaged = health["damaged"].as_array().expect("a list").clone();
    assert_eq!((status, damaged.len()), (200, 2), "{health}");
    let metrics = server.call("GET", "/metrics", "", "").2;
    let gauge = "lexivec_collection_damaged{collection=\"c\"} ";
    let value = metrics.lines().find_map(|line| line.strip_prefix(gauge)).expect("a gauge");
    (damaged[0]["name"].as_str().expect("a name").to_owned(), value.parse().expect("a number"))
}

/// A repair goes without a feedback store of which nothing can be read, and says so.
fn a_lost_sibling_is_reported(scratch: &Path, dir: &Path) {
    for file in std::fs::read_dir(dir.join("learning")).expect("listed").flatten() {
        if file.file_name().to_string_lossy().starts_with("MANIFEST") {
            std::fs::remove_file(file.path()).expect("removed");
            std::fs::write(file.path(), "no manifest").expect("written");
        }
    }
    let target = scratch.join("without-feedback");
    let report = Collection::repair(dir, &target, CopyOptions::new().name("rest"));
    let report = report.expect("repaired");
    assert_eq!(report.lost, ["everything in learning"]);
    assert!(!report.damage.is_empty() && !target.join("learning").exists());
    let repaired = Collection::open(&target).expect("opened");
    assert_eq!(
        (repaired.schema().name.as_str(), repaired.adapters().expect("read").len()),
        ("rest", 0)
    );
}

/// Unknown and active versions are refused, and a version is never given twice.
fn versions_are_checked(collection: &Collection, question: &SearchRequest) {
    let with = |choice| question.clone().adapter(choice);
    for (choice, version) in [(AdapterChoice::Version(7), 7), (AdapterChoice::Version(0), 0)] {
        let error = collection.search(&with(choice)).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{version}: {error}");
    }
    let error = collection.delete_adapter(2).expect_err("active").to_string();
    assert!(error.contains("version 2 is active"), "{error}");
    collection.delete_adapter(1).expect("deleted");
    collection.delete_adapter(1).expect_err("deleted");
    collection.activate_adapter(Some(1)).expect_err("deleted");
    // A number that was given once stands for that adapter alone.
    let report = collection.train_adapter(&eager()).expect("trained");
    assert_eq!(report.version, Some(3));
    collection.delete_adapter(3).expect("deleted");
    assert_eq!(collection.train_adapter(&eager()).expect("trained").version, Some(4));
}

/// A reopened collection and its copies have feedback and adapters.
fn it_is_all_there_again(
    scratch: &Path,
    dir: &Path,
    question: &SearchRequest,
    plain: &[lexivec::Hit],
    feedback: &[Feedback],
) {
    let reader = Collection::open_read_only(dir).expect("opened");
    assert_eq!(reader.search(question).expect("an answer").adapter, Some(2));
    reader.add_feedback(&feedback[..1]).expect_err("read only");
    let copies = ["restored", "repaired", "imported", "imported-again"];
    let copies = copies.map(|name| scratch.join(name));
    let mut stream = Vec::new();
    {
        let writer = Collection::open(dir).expect("opened");
        // What was learnt is in no segment file yet, and is in the stream all the same.
        writer.export(&mut stream).expect("exported");
        writer.snapshot("kept").expect("kept");
        writer.activate_adapter(None).expect("none");
        assert_eq!(writer.search(question).expect("an answer").hits, plain);
    }
    reader.refresh().expect("refreshed");
    assert_eq!(reader.search(question).expect("an answer").adapter, None);
    let snapshot = Snapshot::path(dir, "kept").expect("a path");
    Snapshot::restore(&snapshot, &copies[0], CopyOptions::new()).expect("restored");
    Collection::repair(&snapshot, &copies[1], CopyOptions::new()).expect("repaired");
    Collection::import(&copies[2], &mut stream.as_slice(), CopyOptions::new()).expect("imported");
    let mut of_snapshot = Vec::new();
    let snapshot = Collection::open_read_only(&snapshot).expect("opened");
    snapshot.export(&mut of_snapshot).expect("exported");
    Collection::import(&copies[3], &mut of_snapshot.as_slice(), CopyOptions::new())
        .expect("imported");
    damaged_exports_are_refused(scratch, &stream);
    for copy in copies {
        let copy = Collection::open(copy).expect("opened");
        assert_eq!(copy.search(question).expect("an answer").adapter, Some(2));
        assert_eq!(copy.add_feedback(feedback).expect("taken in").known, 240);
    }
}

/// A stream with siblings that is cut, changed, or of another store leaves nothing behind.
fn damaged_exports_are_refused(scratch: &Path, stream: &[u8]) {
    assert_eq!(stream[8..12], [1, 0, 1, 0], "the version of streams with siblings");
    let at = stream.windows(12).position(|w| w == b"\x08\0\0\0learning").expect("a sibling") + 4;
    let mut damaged = vec![stream[..stream.len() - 1].to_vec(), stream[..at].to_vec()];
    for (offset, byte) in [(at, b'x'), (at - 4, 255), (at + 8, 9), (at + 12, 255), (at + 60, 1)] {
        let mut changed = stream.to_vec();
        changed[offset] ^= byte;
        damaged.push(changed);
    }
    for (i, bytes) in damaged.iter().enumerate() {
        let path = scratch.join("damaged");
        Collection::import(&path, &mut bytes.as_slice(), CopyOptions::new()).expect_err("damaged");
        assert!(!path.exists(), "{i}");
    }
}

/// A flipped byte of the feedback store is found by verification.
fn damage_is_found(dir: &Path) {
    assert!(Collection::verify(dir, lexivec::VerifyLevel::Full).expect("verified").is_sound());
    let files = std::fs::read_dir(dir.join("learning")).expect("listed").flatten();
    let segments = files.map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        name.is_some_and(|name| name.starts_with("seg"))
    });
    let segment = segments.max().expect("a segment file");
    let mut bytes = std::fs::read(&segment).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).expect("written");
    let report = Collection::verify(dir, lexivec::VerifyLevel::Full);
    let report = report.expect("verified");
    assert!(report.problems.iter().any(|p| p.file.starts_with("learning/")), "{report:?}");
    // The documents are there all the same.
    let opened = Collection::open_read_only(dir).expect("opened");
    assert!(opened.adapters().is_err() && opened.damage().is_some());
    assert!(
        !opened.search(&SearchRequest::vector(vec![1.0; DIM])).expect("an answer").hits.is_empty()
    );
}

#[test]
fn feedback_that_cannot_be_used_is_refused_and_changes_nothing() {
    let (rows, feedback) = rows_and_feedback();
    let collection = Collection::in_memory(options()).expect("made");
    collection.upsert(rows).expect("written");
    let ask = |vector: Option<Vec<f32>>, text: Option<&str>, relevant: &[&str]| Feedback {
        vector,
        text: text.map(str::to_owned),
        relevant: relevant.iter().map(|&id| id.to_owned()).collect(),
        shown: Vec::new(),
    };
    let vector = feedback[0].vector.clone();
    for (bad, expected) in [
        (ask(None, None, &["r1"]), "give \"text\" or \"vector\""),
        (ask(None, Some("words"), &["r1"]), "has no model"),
        (ask(vector.clone(), None, &[]), "names no row"),
        (ask(Some(vec![1.0; 3]), None, &["r1"]), "3 components"),
        (ask(Some(vec![f32::NAN; DIM]), None, &["r1"]), "NaN"),
        (ask(vector.clone(), Some(&"w".repeat(MAX_GIVEN_QUERY_BYTES + 1)), &["r1"]), "longer than"),
        (ask(vector.clone(), None, &["r1"; 1_001]), "ids"),
    ] {
        let error = collection.add_feedback(&[feedback[0].clone(), bad]).expect_err("refused");
        let error = error.to_string();
        assert!(error.contains("feedback[1]") && error.contains(expected), "{error}");
    }
    let error = collection.train_adapter(&eager()).expect_err("nothing to learn").to_string();
    assert!(error.contains("there are 0 of 0"), "{error}");
    collection.add_feedback(&feedback[..99]).expect("taken in");
    let error = collection.train_adapter(&eager()).expect_err("too little").to_string();
    assert!(error.contains("there are 99 of 99"), "{error}");
    collection.add_feedback(&feedback).expect("taken in");
    for change in [
        (|o: &mut AdapterOptions| o.training.rank = 0) as fn(&mut AdapterOptions),
        |o| o.training.rank = 65,
        |o| o.training.epochs = 0,
        |o| o.training.rate = f32::NAN,
        |o| o.folds = 1,
        |o| o.folds = 11,
    ] {
        let mut options = AdapterOptions::default();
        change(&mut options);
        collection.train_adapter(&options).expect_err("refused");
    }
    let flat = Collection::in_memory(Options::new().vector(DIM, Metric::L2)).expect("made");
    assert!(flat.add_feedback(&feedback).expect_err("l2").to_string().contains("l2"));
    let none = Collection::in_memory(Options::new()).expect("made");
    assert!(
        none.add_feedback(&feedback)
            .expect_err("no vectors")
            .to_string()
            .contains("no vector field")
    );
}

/// Files of feedback as judged queries give it, with the answers of each given to another one.
fn exchanged(dir: &Path, seed: u64, out: &Path) {
    let store = Collection::open_read_only(dir.join("learning")).expect("opened");
    let rows = store
        .scroll(&Filter::parse("kind = 'feedback'").expect("a filter"), None, 1_000)
        .expect("rows")
        .documents;
    let json = |row: &Document| -> Feedback {
        let kept: Value =
            serde_json::from_str(row.payload["json"].as_str().expect("JSON")).expect("JSON");
        serde_json::from_value(kept["feedback"].clone()).expect("feedback")
    };
    let mut feedback: Vec<Feedback> = rows.iter().map(json).collect();
    let mut random = Random(seed);
    for i in (1..feedback.len()).rev() {
        let other = random.below(i + 1);
        let answers = feedback[i].relevant.clone();
        feedback[i].relevant = std::mem::replace(&mut feedback[other].relevant, answers);
    }
    let lines = feedback.iter().map(|f| serde_json::to_string(f).expect("JSON"));
    std::fs::write(out, lines.collect::<Vec<_>>().join("\n")).expect("written");
}

#[test]
fn real_judgments_teach_and_exchanged_ones_are_refused() {
    for name in ["cacm", "vaswani"] {
        let Some(beir) = test_data(&format!("ir/{name}")) else { return };
        let scratch = tempfile::tempdir().expect("a directory");
        let file = |name: &str| beir.join(name);
        let (vectors, ids) = (file("emb_corpus.npy"), file("emb_corpus.ids"));
        let (queries, query_ids) = (file("emb_queries.npy"), file("emb_queries.ids"));
        let make = |dir: &Path| {
            let args = ["ingest", arg(dir), "--beir", arg(&beir), "--vectors", arg(&vectors)];
            lexivec_ok(&[&args[..], &["--vector-ids", arg(&ids)]].concat());
        };
        let dir = scratch.path().join("true");
        make(&dir);
        let learn = ["learn", arg(&dir), "--beir", arg(&beir), "--query-vectors", arg(&queries)];
        lexivec_ok(&[&learn[..], &["--query-vector-ids", arg(&query_ids)]].concat());
        let trained = lexivec_ok(&["adapter", "train", arg(&dir), "--activate", "--json"]);
        let trained: Value = serde_json::from_str(&trained).expect("JSON");
        println!("{name}: {trained}");
        assert_eq!((&trained["version"], &trained["passed"]), (&json!(1), &json!(true)));
        let listed = lexivec_ok(&["adapter", "list", arg(&dir)]);
        assert!(listed.starts_with("1: field vector") && listed.trim_end().ends_with("active"));

        let other = scratch.path().join("false");
        make(&other);
        let lines = scratch.path().join("exchanged.jsonl");
        exchanged(&dir, 3, &lines);
        lexivec_ok(&["learn", arg(&other), arg(&lines)]);
        let refused = lexivec(&["adapter", "train", arg(&other), "--activate", "--json"]);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        let refused: Value = serde_json::from_slice(&refused.stdout).expect("JSON");
        println!("{name}, exchanged: {refused}");
        assert_eq!((&refused["version"], &refused["passed"]), (&json!(null), &json!(false)));
        assert_eq!(lexivec_ok(&["adapter", "list", arg(&other)]), "");
    }
}

#[test]
fn feedback_and_adapters_over_http() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (rows, feedback) = rows_and_feedback();
    {
        let collection = Collection::create(scratch.path().join("c"), options().name("c"));
        let collection = collection.expect("made");
        collection.upsert(rows).expect("written");
        collection.add_feedback(&feedback).expect("taken in");
        assert_eq!(collection.train_adapter(&eager()).expect("trained").version, Some(1));
    }
    let server = Running::start(scratch.path());
    let call = |method: &str, verb: &str, body: &Value| {
        server.json(method, &format!("/v1/collections/c/{verb}"), body)
    };
    let search = |adapter: &Value| {
        let body = json!({"vector": feedback[0].vector, "adapter": adapter});
        call("POST", "search", &body).1["adapter"].clone()
    };
    let (status, receipt) = call("POST", "learn", &json!({"feedback": feedback[..3]}));
    assert_eq!((status, &receipt["known"]), (200, &json!(3)), "{receipt}");
    assert_eq!(call("GET", "adapters", &Value::Null).1[0]["active"], false);
    assert_eq!((search(&json!("active")), search(&json!(1))), (json!(null), json!(1)));
    let (status, listed) = call("PUT", "adapters/active", &json!({"version": 1}));
    assert_eq!((status, &listed[0]["active"]), (200, &json!(true)), "{listed}");
    assert_eq!((search(&json!("active")), search(&json!("off"))), (json!(1), json!(null)));
    for (method, verb, body) in [
        ("POST", "learn", json!({"feedback": [{"text": "words", "relevant": ["r1"]}]})),
        ("POST", "adapters", json!({"rank": 0})),
        ("POST", "search", json!({"vector": feedback[0].vector, "adapter": "best"})),
        ("POST", "search", json!({"vector": feedback[0].vector, "adapter": 9})),
        ("PUT", "adapters/active", json!({"version": 9})),
        ("DELETE", "adapters/1", Value::Null),
    ] {
        let (status, problem) = call(method, verb, &body);
        assert!(status == 400 && problem["detail"].is_string(), "{verb} {status} {problem}");
    }
    assert_eq!(call("PUT", "adapters/active", &json!({"version": null})).0, 200);
    assert_eq!(call("DELETE", "adapters/1", &Value::Null), (200, json!([])));
}
