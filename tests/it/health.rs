//! `lexivec health`: exit codes for servers that are ready, stopped, or cannot be asked, with TLS and without.

use std::path::Path;
use std::process::Output;

use lexivec_server::{Config, TlsFiles};

use crate::arg;
use crate::http::Running;

/// Runs `health` without variables of the environment but these.
fn health(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut health = lexivec_tests::bare(["health"]);
    health.args(arguments).envs(variables.iter().copied()).output().expect("the command runs")
}

/// Exit code, and all that was printed.
fn result(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = health(arguments, variables);
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(printed).expect("UTF-8"))
}

/// A certificate for `localhost`, signed by itself, and its key, in a folder.
fn certificate(folder: &Path) -> TlsFiles {
    std::fs::create_dir_all(folder).expect("made");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    TlsFiles { certificate, key, client_authorities: None }
}

#[test]
fn a_server_is_ready_until_it_is_stopped() {
    let scratch = tempfile::tempdir().expect("a directory");
    let server = Running::start(scratch.path());
    let address = server.address.to_string();
    let url = format!("http://{address}");
    let ready = (Some(0), format!("{url}/readyz: ready\n"));
    assert_eq!(result(&[&url], &[]), ready);
    assert_eq!(result(&[&format!("{url}/")], &[]), ready);
    assert_eq!(result(&[], &[("LEXIVEC_BIND", &address)]), ready);
    let everywhere = format!("0.0.0.0:{}", server.address.port());
    assert_eq!(result(&[], &[("LEXIVEC_BIND", &everywhere)]), ready);
    let file = scratch.path().join("server.toml");
    std::fs::write(&file, format!("bind = \"{everywhere}\"")).expect("written");
    assert_eq!(result(&["--config", arg(&file)], &[]), ready);
    assert_eq!(result(&[], &[("LEXIVEC_CONFIG", arg(&file))]), ready);
    // Another route than that of health, and TLS at a server without.
    let (code, printed) = result(&[&format!("{url}/nothing")], &[]);
    assert_eq!(
        (code, printed.contains("not ready: it answered 404")),
        (Some(1), true),
        "{printed}"
    );
    assert_eq!(result(&[&format!("https://{address}")], &[]).0, Some(1));

    drop(server);
    let (code, printed) = result(&[&url], &[]);
    assert_eq!((code, printed.contains("not ready: no answer")), (Some(1), true), "{printed}");
}

#[test]
fn what_cannot_be_asked_is_wrong_usage() {
    for url in ["", "localhost:8009", "127.0.0.1", "ftp://localhost", "http://", "http:// x"] {
        assert_eq!(result(&[url], &[]).0, Some(2), "{url:?}");
    }
    let missing = "/nowhere/ca.pem";
    for arguments in [
        &["--port", "0"][..],
        &["--timeout", "0"],
        &["--ca", missing],
        &["--ca", file!()],
        &["--client-key", missing],
        &["--client-key", missing, "--client-certificate", missing],
        &["--tls-key", missing],
    ] {
        assert_eq!(result(arguments, &[]).0, Some(2), "{arguments:?}");
    }
}

#[test]
fn a_certificate_is_checked_by_name_and_not_on_this_machine() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (own, other) = (scratch.path().join("own"), scratch.path().join("other"));
    let (files, other) = (certificate(&own), certificate(&other));
    let mut config = Config::new(scratch.path().join("root"));
    config.tls = Some(files.clone());
    let server = Running::with(config);
    let port = server.address.port();
    let (ca, key) = (arg(&files.certificate), arg(&files.key));
    let by_name = format!("https://localhost:{port}");
    let by_address = format!("https://{}", server.address);
    for (arguments, code) in [
        (&[by_address.as_str()][..], 0),
        (&[&by_name, "--ca", ca], 0),
        (&["--tls-certificate", ca, "--tls-key", key, "--port", &port.to_string()], 0),
        // The certificate is not for the address, and the other authority has not signed it.
        (&[&by_address, "--ca", ca], 1),
        (&[&by_name, "--ca", arg(&other.certificate)], 1),
        (&[&by_address.replace("https", "http")], 1),
    ] {
        let (found, printed) = result(arguments, &[]);
        assert_eq!(found, Some(code), "{arguments:?}: {printed}");
    }
}

#[test]
fn a_server_that_takes_known_clients_only_is_shown_a_certificate() {
    let scratch = tempfile::tempdir().expect("a directory");
    let mut files = certificate(&scratch.path().join("server"));
    let client = certificate(&scratch.path().join("client"));
    let stranger = certificate(&scratch.path().join("stranger"));
    files.client_authorities = Some(client.certificate.clone());
    let mut config = Config::new(scratch.path().join("root"));
    config.tls = Some(files);
    let server = Running::with(config);
    let url = format!("https://{}", server.address);
    let of = |files: &TlsFiles| {
        let (certificate, key) = (arg(&files.certificate), arg(&files.key));
        let variables = [("LEXIVEC_HEALTH_CERTIFICATE", certificate), ("LEXIVEC_HEALTH_KEY", key)];
        result(&[&url], &variables)
    };
    assert_eq!(of(&client), (Some(0), format!("{url}/readyz: ready\n")));
    assert_eq!(of(&stranger).0, Some(1));
    assert_eq!(result(&[&url], &[]).0, Some(1));
}
