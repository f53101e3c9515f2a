//! A directory under attack: what is put into it or done to it while a collection is open there.

use std::collections::BTreeMap;
use std::fs::{self, rename};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use lexivec::storage::Error as StorageError;
use lexivec::{
    Collection, Document, Error, ErrorKind, Filter, OpenOptions, Options, SearchRequest,
    VerifyLevel,
};
use serde_json::json;

fn rows(from: u32, to: u32) -> Vec<Document> {
    let row = |i| Document::new(format!("d{i}")).text(format!("wing number {i}")).payload("n", i);
    (from..to).map(row).collect()
}

/// A collection of two segments and a log, closed.
fn closed(dir: &Path) {
    let options = Options::new().open(OpenOptions::new().background(false));
    let collection = Collection::create(dir, options).expect("created");
    for part in 0..2 {
        collection.upsert(rows(part * 10, part * 10 + 10)).expect("written");
        collection.flush().expect("flushed");
    }
    collection.upsert(rows(20, 25)).expect("written");
}

fn ids(collection: &Collection) -> Vec<String> {
    let page = collection.scroll(&Filter::All, None, 1_000).expect("read");
    page.documents.into_iter().map(|d| d.id).collect()
}

/// The files of a directory and their bytes, but for the lock.
fn bytes_in(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(dir).expect("listed").map(|entry| entry.expect("an entry").path());
    let files = files.filter(|path| path.is_file() && !path.ends_with("LOCK"));
    files.map(|path| (path.clone(), fs::read(path).expect("read"))).collect()
}

fn file_like(dir: &Path, prefix: &str) -> PathBuf {
    let names = fs::read_dir(dir).expect("listed").map(|entry| entry.expect("an entry").path());
    let mut names: Vec<PathBuf> = names
        .filter(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(prefix)))
        .collect();
    names.sort();
    names.pop().expect("there is one")
}

/// Puts something that is not a plain file at a path.
fn put(kind: &str, path: &Path, victim: &Path) {
    match kind {
        "a symbolic link" => symlink(victim, path).expect("linked"),
        "a symbolic link, dangling" => symlink(victim.join("not there"), path).expect("linked"),
        "a directory" => fs::create_dir(path).expect("made"),
        "a socket" => drop(UnixListener::bind(path).expect("bound")),
        _ => assert!(Command::new("mkfifo").arg(path).status().expect("run").success()),
    }
}

const KINDS: [&str; 5] =
    ["a symbolic link", "a symbolic link, dangling", "a directory", "a socket", "a FIFO"];

#[test]
fn what_is_no_plain_file_is_neither_followed_nor_waited_for_nor_passed_over() {
    let scratch = tempfile::tempdir().expect("a directory");
    let victim = scratch.path().join("victim");
    for (prefix, fatal) in
        [("LOCK", true), ("segment-", true), ("log-", true), ("MANIFEST-", false)]
    {
        for kind in KINDS {
            let what = format!("{kind} as {prefix}");
            let dir = scratch.path().join("index");
            closed(&dir);
            let path = file_like(&dir, prefix);
            // The bytes of the file itself: a link that is followed would show nothing wrong.
            fs::write(&victim, fs::read(&path).expect("read")).expect("written");
            let before = fs::read(&victim).expect("read");
            fs::remove_file(&path).expect("removed");
            put(kind, &path, &victim);

            let report = Collection::verify(dir.as_path(), VerifyLevel::Full);
            let opened = Collection::open(&dir);
            match opened {
                Ok(opened) => {
                    assert!(!fatal, "{what}");
                    let damage = opened.damage().expect("reported");
                    assert!(damage.contains("plain files"), "{what}: {damage}");
                    assert_eq!(ids(&opened).len(), 25, "{what}");
                }
                Err(error) => {
                    assert!(fatal, "{what}: {error}");
                    assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}");
                    let shown = kind.trim_end_matches(", dangling");
                    let text = error.to_string();
                    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                    assert!(text.contains(shown) && text.contains(&name), "{what}: {text}");
                }
            }
            // A lock is no part of the data.
            let reported = report.map_or(true, |report| !report.is_sound());
            assert!(reported || prefix == "LOCK", "{what}");
            assert_eq!(fs::read(&victim).expect("read"), before, "{what}");
            fs::remove_dir_all(&dir).expect("removed");
        }
    }
}

#[test]
fn a_lock_file_with_other_contents_or_a_second_name_is_not_overwritten() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (dir, mine) = (scratch.path().join("index"), scratch.path().join("mine"));
    closed(&dir);
    for contents in ["a letter to a friend", "17"] {
        fs::write(&mine, contents).expect("written");
        fs::remove_file(dir.join("LOCK")).expect("removed");
        fs::hard_link(&mine, dir.join("LOCK")).expect("linked");
        assert_eq!(ids(&Collection::open(&dir).expect("opened")).len(), 25);
        assert_eq!(fs::read_to_string(&mine).expect("read"), contents);
    }
    fs::remove_file(dir.join("LOCK")).expect("removed");
    fs::write(dir.join("LOCK"), "a letter to a friend").expect("written");
    assert_eq!(ids(&Collection::open(&dir).expect("opened")).len(), 25);
    assert_eq!(fs::read_to_string(dir.join("LOCK")).expect("read"), "a letter to a friend");
}

/// Opens a sealed file for writing, as another program might.
fn unsealed(path: &Path) -> fs::File {
    let mut permissions = fs::metadata(path).expect("there").permissions();
    permissions.set_mode(0o644);
    fs::set_permissions(path, permissions).expect("set");
    fs::OpenOptions::new().write(true).open(path).expect("opened")
}

/// A read that may meet damage.
type Read = (&'static str, fn(&Collection) -> lexivec::Result<()>);

const READS: [Read; 6] = [
    ("search", |c| c.search(&SearchRequest::text("wing")).map(drop)),
    ("search many", |c| c.search_many(&[SearchRequest::text("number")]).map(drop)),
    ("scroll", |c| c.scroll(&Filter::All, None, 100).map(drop)),
    ("get", |c| c.get("d15").map(drop)),
    ("facet", |c| c.facet("n", &Filter::All, 5).map(drop)),
    ("count", |c| c.count(&Filter::from_json(&json!({"n": {"$gte": 3}}))?).map(drop)),
];

#[test]
fn a_segment_that_is_cut_under_an_open_collection_fails_its_reads_and_nothing_else() {
    lexivec::storage::survive_lost_pages().expect("installed");
    let scratch = tempfile::tempdir().expect("a directory");
    for length in [0, 64, 4_096] {
        for (name, read) in READS {
            for touched in [false, true] {
                let what = format!("{name} of a file cut to {length}, touched before: {touched}");
                let dir = scratch.path().join("index");
                closed(&dir);
                let open = OpenOptions::new().background(false).open(dir.as_path());
                let open = open.expect("opened");
                if touched {
                    read(&open).expect("read");
                }
                let segment = file_like(&dir, "segment-");
                let whole = fs::read(&segment).expect("read");
                unsealed(&segment).set_len(length).expect("cut");
                let error = read(&open).expect_err(&what);
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}");
                assert!(error.to_string().contains("segment-"), "{what}: {error}");
                let damage = open.damage().unwrap_or_else(|| panic!("{what}: {error}"));
                assert!(damage.contains("segment-"), "{what}: {damage}");
                // Writes go on, and the damage gets into no new file.
                open.upsert(rows(30, 31)).expect("written");
                open.compact(Default::default()).expect_err("a merge would keep the damage");
                drop(open);
                fs::write(&segment, whole).expect("written");
                let again = Collection::open(&dir).expect("opened");
                assert_eq!(ids(&again).len(), 26, "{what}");
                drop(again);
                fs::remove_dir_all(&dir).expect("removed");
            }
        }
    }
}

#[test]
fn a_segment_that_is_written_to_under_an_open_collection_is_refused() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("index");
    closed(&dir);
    let segment = file_like(&dir, "segment-");
    // The clock of files may stand still for some milliseconds.
    unsealed(&segment).set_modified(std::time::UNIX_EPOCH).expect("set");
    let open = OpenOptions::new().background(false).open(dir.as_path()).expect("opened");
    assert_eq!(ids(&open).len(), 25);
    let whole = fs::read(&segment).expect("read");
    let at = whole.windows(4).position(|w| w == b"wing").expect("a text");
    unsealed(&segment).write_all_at(b"WING", at as u64).expect("written");
    let error = open.scroll(&Filter::All, None, 100).expect_err("refused");
    assert!(error.to_string().contains("was written to while it was open"), "{error}");
    // It is a state of the file and not of a read.
    for (name, read) in READS {
        read(&open).expect_err(name);
    }
}

/// A way to take a directory from an open collection.
struct Attack {
    name: &'static str,
    /// Done to the path of the collection, with the paths of another one and of a place aside.
    begin: fn(&Path, &Path, &Path),
    /// Puts everything back.
    end: fn(&Path, &Path, &Path),
}

const ATTACKS: [Attack; 6] = [
    Attack {
        name: "moved",
        begin: |dir, _, aside| rename(dir, aside).expect("moved"),
        end: |dir, _, aside| rename(aside, dir).expect("moved"),
    },
    Attack {
        name: "replaced by another collection",
        begin: |dir, other, aside| {
            rename(dir, aside).expect("moved");
            rename(other, dir).expect("moved");
        },
        end: |dir, other, aside| {
            rename(dir, other).expect("moved");
            rename(aside, dir).expect("moved");
        },
    },
    Attack {
        name: "replaced by a link to another collection",
        begin: |dir, other, aside| {
            rename(dir, aside).expect("moved");
            symlink(other, dir).expect("linked");
        },
        end: |dir, _, aside| {
            fs::remove_file(dir).expect("removed");
            rename(aside, dir).expect("moved");
        },
    },
    Attack {
        name: "its lock moved",
        begin: |dir, _, aside| rename(dir.join("LOCK"), aside).expect("moved"),
        end: |dir, _, aside| rename(aside, dir.join("LOCK")).expect("moved"),
    },
    Attack {
        name: "its lock replaced",
        begin: |dir, _, aside| {
            rename(dir.join("LOCK"), aside).expect("moved");
            fs::write(dir.join("LOCK"), "1\n").expect("written");
        },
        end: |dir, _, aside| rename(aside, dir.join("LOCK")).expect("moved"),
    },
    Attack {
        name: "its last log moved",
        begin: |dir, _, aside| rename(file_like(dir, "log-"), aside).expect("moved"),
        end: |dir, _, aside| {
            rename(aside, dir.join("log-0000000000000003.wal")).expect("moved");
        },
    },
];

fn displaced(error: &Error) -> bool {
    matches!(
        error,
        Error::Storage(
            StorageError::Displaced { .. }
                | StorageError::DurabilityUnknown { .. }
                | StorageError::Poisoned { .. }
        )
    ) && error.to_string().contains("since it was opened")
}

#[test]
fn a_collection_whose_directory_is_taken_acknowledges_nothing_and_destroys_nothing() {
    type Step = (&'static str, fn(&Collection) -> lexivec::Result<()>);
    let steps: [Step; 4] = [
        ("a write", |c| c.upsert(rows(900, 901)).map(drop)),
        ("a delete", |c| c.delete(&["d1"]).map(drop)),
        ("a flush", |c| c.flush().map(drop)),
        ("a compaction", |c| c.compact(Default::default()).map(drop)),
    ];
    for Attack { name, begin, end } in ATTACKS {
        for (step, run) in steps {
            let what = format!("{step} when {name}");
            if name == "its last log moved" && ["a flush", "a compaction"].contains(&step) {
                // They bring everything into segments, and the log is needed no more.
                continue;
            }
            let scratch = tempfile::tempdir().expect("a directory");
            let path = |name: &str| scratch.path().join(name);
            let (dir, other, aside) = (path("index"), path("other"), path("aside"));
            closed(&dir);
            closed(&other);
            let before = bytes_in(&other);
            let options = OpenOptions::new().background(false);
            let open = options.open(dir.as_path()).expect("opened");
            open.upsert(rows(25, 30)).expect("written");

            begin(&dir, &other, &aside);
            let error = run(&open).expect_err(&what);
            assert!(displaced(&error), "{what}: {error}");
            for (next, run) in steps {
                let error = run(&open).expect_err(next);
                assert!(displaced(&error), "{what}, then {next}: {error}");
            }
            let read = ids(&open).len();
            assert!(read >= 30, "{what}: reads go on, {read} rows");
            drop(open);
            end(&dir, &other, &aside);

            assert_eq!(bytes_in(&other), before, "{what}: the other collection");
            let again = Collection::open(&dir).expect("opened again");
            let kept = ids(&again);
            // The refused write may be there: its frame was in the log before the refusal.
            let expected: Vec<String> = rows(0, 30).into_iter().map(|d| d.id).collect();
            let lost: Vec<_> = expected.iter().filter(|id| !kept.contains(id)).collect();
            let allowed: &[&str] = if step == "a delete" { &["d1"] } else { &[] };
            assert!(lost.iter().all(|id| allowed.contains(&id.as_str())), "{what}: {lost:?}");
            assert!(Collection::verify(dir.as_path(), VerifyLevel::Full).expect("read").is_sound());
        }
    }
}

#[test]
fn a_removed_lock_lets_no_second_writer_in() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("index");
    closed(&dir);
    let first = Collection::open(&dir).expect("opened");
    fs::remove_file(dir.join("LOCK")).expect("removed");
    let second = Collection::open(&dir).expect_err("refused");
    assert_eq!(second.kind(), ErrorKind::Locked, "{second}");
    let refused = first.upsert(rows(90, 91)).expect_err("refused");
    assert!(displaced(&refused), "{refused}");
    drop(first);
    Collection::open(&dir).expect("opened").upsert(rows(90, 91)).expect("written");
}

#[test]
fn a_file_of_another_program_is_not_removed() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("index");
    closed(&dir);
    let open = OpenOptions::new().background(false).open(dir.as_path()).expect("opened");
    let next = dir.join("segment-0000000000000003.lxv");
    fs::write(&next, "mine").expect("written");
    let error = open.flush().expect_err("the name is taken");
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    assert_eq!(fs::read_to_string(&next).expect("read"), "mine");
    open.flush().expect("flushed under the next name");
    assert_eq!(fs::read_to_string(&next).expect("read"), "mine");
}
