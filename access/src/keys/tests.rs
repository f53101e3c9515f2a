//! Keys from their creation to their end.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::denied::{Denied, Reason};
use crate::error::Error;
use crate::principal::Principal;
use crate::role::Role;
use crate::scope::{CollectionNames, Scope};

/// The time at which tests begin.
const NOW: u64 = 1_800_000_000;

fn new(name: &str) -> NewKey {
    let (role, scope) = (Role::Reader, Scope::of_tenant(CollectionNames::all(), "one"));
    NewKey { name: name.to_owned(), role, scope, expires: None }
}

fn file(database: &Path) -> PathBuf {
    database.join(".access/keys.json")
}

fn reason(denied: Result<std::sync::Arc<Principal>, Denied>) -> Reason {
    denied.expect_err("denied").reason()
}

#[test]
fn a_key_is_created_used_rotated_and_revoked() {
    let scratch = tempfile::tempdir().expect("a directory");
    let ring = KeyRing::open(scratch.path()).expect("opened");
    assert!(ring.is_empty());
    let (secret, info) = ring.store().create(new("app"), NOW).expect("made");
    let text = secret.reveal();
    assert_eq!(reason(ring.authenticate(&text, NOW)), Reason::UnknownKey);
    assert!(ring.reload_if_changed().expect("read") && !ring.reload_if_changed().expect("same"));
    let principal = ring.authenticate(&text, NOW).expect("live");
    assert_eq!((principal.id.as_str(), principal.name.as_str()), (info.id.as_str(), "app"));
    assert_eq!((principal.role, &principal.scope), (Role::Reader, &new("app").scope));
    let taken = ring.store().create(new("app"), NOW).expect_err("the name is taken");
    assert!(matches!(&taken, Error::NameTaken { id, .. } if *id == info.id), "{taken}");

    let (later, rotated) =
        ring.store().rotate(&info.prefix, Duration::from_secs(60), NOW).expect("rotated");
    assert_eq!((rotated.name.as_str(), rotated.replaces), ("app", Some(info.id.clone())));
    assert!(ring.store().rotate(&info.id, Duration::ZERO, NOW).is_err(), "it was rotated");
    assert!(ring.reload_if_changed().expect("read"));
    ring.authenticate(&text, NOW + 59).expect("the old one overlaps");
    assert_eq!(reason(ring.authenticate(&text, NOW + 60)), Reason::Expired);
    ring.authenticate(&later.reveal(), NOW + 60).expect("the new one lives on");

    ring.store().revoke(&rotated.id, NOW + 61).expect("revoked");
    assert!(ring.reload_if_changed().expect("read"));
    assert_eq!(reason(ring.authenticate(&later.reveal(), NOW + 61)), Reason::Revoked);
    let ended = ring.store().rotate(&rotated.id, Duration::ZERO, NOW + 61).expect_err("ended");
    assert!(matches!(ended, Error::Ended { .. }), "{ended}");
    ring.store().create(new("app"), NOW + 61).expect("the name is free again");
    assert!(matches!(ring.store().revoke("000000000000", NOW), Err(Error::NoKey { .. })));
}

#[test]
fn a_wrong_key_is_denied_in_the_same_words() {
    let scratch = tempfile::tempdir().expect("a directory");
    let store = KeyStore::open(scratch.path()).expect("opened");
    let expiring = NewKey { expires: Some(NOW + 1), ..new("short") };
    let (short, _) = store.create(expiring, NOW).expect("made");
    let (other, _) = store.create(new("other"), NOW).expect("made");
    let (short, other) = (short.reveal(), other.reveal());
    let ring = KeyRing::open(scratch.path()).expect("opened");
    let (id, secret) = (&short[..17], &other[17..]);
    let mut words = std::collections::BTreeSet::new();
    for (text, expected) in [
        ("", Reason::Malformed),
        ("lxv_", Reason::Malformed),
        (&format!("lxv_000000000000_{secret}"), Reason::UnknownKey),
        (&format!("{id}{secret}"), Reason::WrongSecret),
        (&format!("lxv_000000000000_{}", "A".repeat(43)), Reason::UnknownKey),
        (&short, Reason::Expired),
    ] {
        let denied = ring.authenticate(text, NOW + 1).expect_err("denied");
        assert_eq!(denied.reason(), expected, "{text:?}");
        words.insert(denied.to_string());
    }
    assert_eq!(words.len(), 1);
    ring.authenticate(&short, NOW).expect("live until then");
}

#[test]
fn lists_show_no_secret_and_the_last_use() {
    let scratch = tempfile::tempdir().expect("a directory");
    let ring = KeyRing::open(scratch.path()).expect("opened");
    let (secret, info) = ring.store().create(new("app"), NOW).expect("made");
    ring.reload_if_changed().expect("read");
    ring.persist_last_used().expect("nothing to write");
    assert_eq!(ring.store().get(&info.id, NOW).expect("there").last_used, None);
    ring.authenticate(&secret.reveal(), NOW + 5).expect("live");
    ring.authenticate(&secret.reveal(), NOW + 3).expect("live, by a clock that went back");
    // A change of the file in between does not lose the use.
    ring.store().create(new("second"), NOW).expect("made");
    ring.reload_if_changed().expect("read");
    ring.persist_last_used().expect("written");
    let listed = ring.store().list(NOW).expect("listed");
    assert_eq!(listed.iter().map(|key| key.last_used).collect::<Vec<_>>(), [Some(NOW + 5), None]);
    let shown = serde_json::to_string(&listed).expect("json");
    let kept = std::fs::read_to_string(file(scratch.path())).expect("read");
    let text = secret.reveal();
    let (_, bytes) = text.split_at(17);
    let hash = hex(&secret.hash());
    assert!(kept.contains(&hash) && !kept.contains(bytes));
    assert!(!shown.contains(&hash) && !shown.contains(bytes));
    assert!(shown.contains("\"last_used\":\"2027-01-15T08:00:05Z\""), "{shown}");
}

#[test]
fn a_file_that_is_not_valid_keeps_the_keys_and_is_not_changed() {
    let scratch = tempfile::tempdir().expect("a directory");
    let ring = KeyRing::open(scratch.path()).expect("opened");
    let (secret, _) = ring.store().create(new("app"), NOW).expect("made");
    ring.reload_if_changed().expect("read");
    let path = file(scratch.path());
    let good = std::fs::read_to_string(&path).expect("read");
    let doubled = good.replace("\"keys\": [", "\"keys\": [KEY,");
    let key = &good[good.find("    {").expect("a key")..good.rfind("  ]").expect("an end")];
    for bad in [
        String::new(),
        "{".to_owned(),
        good.replace("\"version\": 1", "\"version\": 2, \"more\": []"),
        good.replace("\"keys\"", "\"kexs\""),
        good.replace("\"name\"", "\"extra\": 1, \"name\""),
        good.replace("\"reader\"", "\"root\""),
        good.replace("\"sha256\": \"", "\"sha256\": \"z"),
        doubled.replace("KEY", key),
    ] {
        std::fs::write(&path, &bad).expect("written");
        let error = ring.reload_if_changed().expect_err("not valid");
        let newer = bad.contains("\"version\": 2");
        assert_eq!(matches!(error, Error::NewerVersion { .. }), newer, "{error}\n{bad}");
        assert!(!ring.reload_if_changed().expect("said once"));
        ring.authenticate(&secret.reveal(), NOW).expect("the keys stay");
        ring.store().create(new("more"), NOW).expect_err("not changed");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), bad);
        assert!(KeyRing::open(scratch.path()).is_err());
    }
    std::fs::remove_file(&path).expect("removed");
    ring.reload_if_changed().expect_err("missing");
    ring.authenticate(&secret.reveal(), NOW).expect("the keys stay");
    std::fs::write(&path, &good).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("chmod");
    let refused = ring.reload_if_changed().expect_err("others may read it");
    assert!(refused.to_string().contains("chmod 600"), "{refused}");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("chmod");
    ring.authenticate(&secret.reveal(), NOW).expect("still");
}

#[test]
fn names_scopes_and_ends_are_checked() {
    let scratch = tempfile::tempdir().expect("a directory");
    let store = KeyStore::open(scratch.path()).expect("opened");
    let scoped = |patterns: &[&str]| {
        let names = CollectionNames::of(patterns.iter().map(|p| (*p).to_owned()));
        NewKey { scope: Scope { collections: names, ..Scope::everything() }, ..new("a") }
    };
    let long = "x".repeat(MAX_SCOPE_BYTES);
    for refused in [
        new(""),
        new(" a"),
        new("a\nb"),
        new(&"é".repeat(65)),
        NewKey { expires: Some(NOW), ..new("a") },
        scoped(&[]),
        scoped(&["a*b"]),
        scoped(&["A"]),
        scoped(&[&long]),
    ] {
        let error = store.create(refused.clone(), NOW).expect_err("refused");
        assert!(matches!(error, Error::Invalid { .. }), "{refused:?}: {error}");
    }
    store.create(new(&"é".repeat(64)), NOW).expect("as long as may be");
    store.create(scoped(&["a", "b-*"]), NOW).expect("names and beginnings");
}

#[test]
fn many_threads_make_keys_at_once() {
    let scratch = tempfile::tempdir().expect("a directory");
    std::thread::scope(|threads| {
        for thread in 0..4 {
            let path = scratch.path();
            threads.spawn(move || {
                let store = KeyStore::open(path).expect("opened");
                for key in 0..5 {
                    store.create(new(&format!("{thread} {key}")), NOW).expect("made");
                }
            });
        }
    });
    let store = KeyStore::open(scratch.path()).expect("opened");
    assert_eq!(store.list(NOW).expect("listed").len(), 20);
}

#[test]
fn ended_keys_make_room() {
    let scratch = tempfile::tempdir().expect("a directory");
    let store = KeyStore::open(scratch.path()).expect("opened");
    let (_, info) = store.create(new("first"), NOW).expect("made");
    let text = std::fs::read_to_string(file(scratch.path())).expect("read");
    let mut value: serde_json::Value = serde_json::from_str(&text).expect("json");
    let key = value["keys"][0].clone();
    value["keys"] = (0..MAX_KEYS)
        .map(|number| {
            let mut key = key.clone();
            key["id"] = format!("{number:012x}").into();
            key["name"] = format!("{number}").into();
            key
        })
        .collect();
    std::fs::write(file(scratch.path()), value.to_string()).expect("written");
    let full = store.create(new("one more"), NOW).expect_err("full");
    assert!(full.to_string().contains("revoke"), "{full}");
    store.revoke("000000000005", NOW).expect("revoked");
    store.create(new("one more"), NOW).expect("there is room");
    let listed = store.list(NOW).expect("listed");
    assert_eq!(listed.len(), MAX_KEYS);
    assert!(listed.iter().all(|key| key.id != "000000000005" && key.id != info.id));
}
