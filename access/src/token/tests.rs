//! Tokens of every algorithm, and those that are refused. The keys in `keys_of_tests` protect nothing.

use std::os::unix::fs::PermissionsExt;

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;

/// The time at which tokens are checked.
const NOW: u64 = 1_800_000_000;
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const RSA: &[u8] = include_bytes!("keys_of_tests/rsa.pem");
const RSA_PUBLIC: &[u8] = include_bytes!("keys_of_tests/rsa.pub");
const ED25519: &[u8] = include_bytes!("keys_of_tests/ed25519.pem");
const ED25519_PUBLIC: &[u8] = include_bytes!("keys_of_tests/ed25519.pub");

fn claims() -> Value {
    json!({"sub": "app", "exp": NOW + 10, "role": "writer", "tenant": "one"})
}

/// The claims with these members in place of theirs; null removes one.
fn with(changes: Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().expect("an object") {
        match value {
            Value::Null => drop(claims.as_object_mut().expect("an object").remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

fn key_file(bytes: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), bytes).expect("written");
    file
}

fn opened(algorithm: JwtAlgorithm, key: &[u8]) -> Tokens {
    let file = key_file(key);
    Tokens::open(&JwtOptions::new(algorithm, file.path())).expect("opened")
}

fn signed(algorithm: Algorithm, key: &EncodingKey, claims: &Value) -> String {
    encode(&Header::new(algorithm), claims, key).expect("signed")
}

fn hs256(claims: &Value) -> String {
    signed(Algorithm::HS256, &EncodingKey::from_secret(SECRET).expect("a key"), claims)
}

fn reason_of(tokens: &Tokens, token: &str, now: u64) -> Option<Reason> {
    tokens.authenticate(token, now).err().map(|denied| denied.reason())
}

#[test]
fn a_token_of_each_algorithm_is_a_caller_and_no_other_algorithm_is_taken() {
    let hmac = |secret| EncodingKey::from_secret(secret).expect("a key");
    let rsa = EncodingKey::from_rsa_pem(RSA).expect("a key");
    let ed25519 = EncodingKey::from_ed_pem(ED25519).expect("a key");
    let signed = [
        signed(Algorithm::HS256, &hmac(SECRET), &claims()),
        signed(Algorithm::RS256, &rsa, &claims()),
        signed(Algorithm::EdDSA, &ed25519, &claims()),
        // A public key taken for the secret of the algorithm that the header asks for.
        signed(Algorithm::HS256, &hmac(RSA_PUBLIC), &claims()),
        signed(Algorithm::HS256, &hmac(ED25519_PUBLIC), &claims()),
        signed(Algorithm::RS512, &rsa, &claims()),
    ];
    let checks = [
        opened(JwtAlgorithm::HS256, SECRET),
        opened(JwtAlgorithm::RS256, RSA_PUBLIC),
        opened(JwtAlgorithm::EdDSA, ED25519_PUBLIC),
    ];
    for (number, tokens) in checks.iter().enumerate() {
        for (other, token) in signed.iter().enumerate() {
            let expected = (number != other).then_some(Reason::BadSignature);
            assert_eq!(reason_of(tokens, token, NOW), expected, "{tokens:?} {other}");
        }
        let caller = tokens.authenticate(&signed[number], NOW).expect("valid");
        assert_eq!((caller.id.as_str(), caller.role), ("app", Role::Writer));
        assert_eq!(caller.scope, Scope::of_tenant(CollectionNames::all(), "one"));
    }
}

#[test]
fn every_changed_byte_and_unsigned_tokens_are_refused() {
    let tokens = opened(JwtAlgorithm::HS256, SECRET);
    let token = hs256(&claims());
    assert_eq!(reason_of(&tokens, &token, NOW), None);
    for index in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).expect("text");
        assert!(reason_of(&tokens, &changed, NOW).is_some(), "{index}");
    }
    let parts: Vec<&str> = token.split('.').collect();
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    for other in [
        String::new(),
        "..".to_owned(),
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        "a".repeat(MAX_TOKEN_BYTES + 1),
    ] {
        assert!(reason_of(&tokens, &other, NOW).is_some(), "{other}");
    }
    let long = hs256(&with(json!({"more": "x".repeat(MAX_TOKEN_BYTES)})));
    assert_eq!(reason_of(&tokens, &long, NOW), Some(Reason::Malformed));
}

#[test]
fn claims_are_required_and_checked() {
    let tokens = opened(JwtAlgorithm::HS256, SECRET);
    let scope = json!({"collections": ["a*"], "rows": {"filter": {"b": 1}}});
    for (changes, expected) in [
        (json!({"exp": NOW - 59}), None),
        (json!({"exp": NOW as f64 - 59.5}), None),
        (json!({"exp": NOW - 60}), Some(Reason::Expired)),
        (json!({"exp": null}), Some(Reason::BadClaims)),
        (json!({"exp": "soon"}), Some(Reason::BadClaims)),
        (json!({"exp": 0}), Some(Reason::Expired)),
        (json!({"nbf": NOW + 60}), None),
        (json!({"nbf": NOW + 61}), Some(Reason::NotYetValid)),
        (json!({"role": null}), Some(Reason::BadClaims)),
        (json!({"role": "root"}), Some(Reason::BadClaims)),
        (json!({"sub": null}), Some(Reason::BadClaims)),
        (json!({"sub": ""}), Some(Reason::BadClaims)),
        (json!({"sub": "x".repeat(129)}), Some(Reason::BadClaims)),
        (json!({"tenant": null}), Some(Reason::BadClaims)),
        (json!({"tenant": ""}), Some(Reason::BadClaims)),
        (json!({"tenant": null, "collections": ["a"]}), Some(Reason::BadClaims)),
        (json!({"collections": ["a"]}), None),
        (json!({"collections": []}), Some(Reason::BadClaims)),
        (json!({"scope": scope}), Some(Reason::BadClaims)),
        (json!({"scope": scope, "tenant": null}), None),
        (json!({"scope": {}, "tenant": null}), None),
        (json!({"scope": {"colections": []}, "tenant": null}), Some(Reason::BadClaims)),
        (json!({"scope": "read write", "tenant": null}), Some(Reason::BadClaims)),
        (json!({"aud": "another"}), Some(Reason::WrongParty)),
        (json!({"iss": "anyone", "more": [1]}), None),
    ] {
        let found = reason_of(&tokens, &hs256(&with(changes.clone())), NOW);
        assert_eq!(found, expected, "{changes}");
    }
}

#[test]
fn issuer_and_audience_are_those_of_the_options() {
    let file = key_file(SECRET);
    let options = JwtOptions {
        issuer: Some("us".to_owned()),
        audience: Some("here".to_owned()),
        ..JwtOptions::new(JwtAlgorithm::HS256, file.path())
    };
    let tokens = Tokens::open(&options).expect("opened");
    for (changes, expected) in [
        (json!({"iss": "us", "aud": "here"}), None),
        (json!({"iss": "us", "aud": ["there", "here"]}), None),
        (json!({"iss": "us"}), Some(Reason::WrongParty)),
        (json!({"aud": "here"}), Some(Reason::WrongParty)),
        (json!({"iss": "them", "aud": "here"}), Some(Reason::WrongParty)),
        (json!({"iss": "us", "aud": "there"}), Some(Reason::WrongParty)),
    ] {
        let found = reason_of(&tokens, &hs256(&with(changes.clone())), NOW);
        assert_eq!(found, expected, "{changes}");
    }
    let read = r#"{"algorithm": "EdDSA", "key_file": "a.pem", "audience": "here"}"#;
    let read: JwtOptions = serde_json::from_str(read).expect("read");
    assert_eq!((read.algorithm, read.issuer), (JwtAlgorithm::EdDSA, None));
}

#[test]
fn keys_that_are_short_readable_by_others_or_of_another_kind_are_refused() {
    for (algorithm, key) in [
        (JwtAlgorithm::HS256, &SECRET[1..]),
        (JwtAlgorithm::HS256, &[&SECRET[1..], b"\n"].concat()),
        (JwtAlgorithm::RS256, ED25519_PUBLIC),
        (JwtAlgorithm::RS256, b"no key"),
        (JwtAlgorithm::EdDSA, RSA_PUBLIC),
    ] {
        let file = key_file(key);
        let refused = Tokens::open(&JwtOptions::new(algorithm, file.path()));
        let text = refused.expect_err("refused").to_string();
        assert!(text.contains(&file.path().display().to_string()), "{text}");
    }
    let file = key_file(SECRET);
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o640)).expect("chmod");
    let open = |algorithm| Tokens::open(&JwtOptions::new(algorithm, file.path()));
    let refused = open(JwtAlgorithm::HS256).expect_err("others may read it");
    assert!(refused.to_string().contains("chmod 600"), "{refused}");
    std::fs::write(file.path(), ED25519_PUBLIC).expect("written");
    open(JwtAlgorithm::EdDSA).expect("a public key may be read by others");
}
