//! Files for packages: the unit, the image and the example configuration fit the command, and the recipes refuse what
//! must not be shipped.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use lexivec_tests::{Killed, left_out};
use regex::Regex;

use crate::{arg, lexivec_ok};

/// Highest exposure of the unit by `systemd-analyze security`.
const MOST_EXPOSURE: f64 = 2.0;

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(packaging().join(name)).expect(name)
}

/// Output of `systemd-analyze` with a unit of this text; `None` without the program.
fn analyzed(verb: &[&str], unit: &str) -> Option<String> {
    let scratch = tempfile::tempdir().expect("a directory");
    let path = scratch.path().join("lexivec.service");
    std::fs::write(&path, unit).expect("written");
    let output = Command::new("systemd-analyze").args(verb).arg(&path).output().ok()?;
    Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// Exposure of a unit; `None` where the installed version cannot say.
fn exposure(unit: &str) -> Option<f64> {
    let report = analyzed(&["security", "--offline=true", "--no-pager"], unit)?;
    let level = Regex::new(r"Overall exposure level for [^:]+: ([0-9.]+)").expect("a pattern");
    level.captures(&report)?[1].parse().ok()
}

#[test]
fn the_unit_is_confined() {
    let unit = text("lexivec.service");
    let Some(found) = exposure(&unit) else {
        return left_out("systemd-analyze with security --offline");
    };
    assert!(found <= MOST_EXPOSURE, "exposure {found}");
    let open =
        |line: &&str| !["Protect", "Private", "Restrict"].iter().any(|p| line.starts_with(p));
    let opened: String = unit.lines().filter(open).map(|line| line.to_owned() + "\n").collect();
    let found = exposure(&opened).expect("an exposure");
    assert!(found > MOST_EXPOSURE, "without these lines it is {found}");
}

#[test]
fn the_unit_has_known_settings_only() {
    let built = lexivec_tests::command();
    let unit = text("lexivec.service").replace("/usr/bin/lexivec", arg(&built));
    let verify = |unit: &str| analyzed(&["verify", "--man=no", "--recursive-errors=no"], unit);
    let Some(report) = verify(&unit) else { return left_out("systemd-analyze") };
    let faults: Vec<&str> = report.lines().filter(|l| l.contains("lexivec.service")).collect();
    assert_eq!(faults, [""; 0]);
    let report = verify(&unit.replace("ProtectHome", "ProtectHomes")).expect("a report");
    assert!(report.contains("ProtectHomes"), "{report}");
}

/// The command with variables of the environment, and no others of ours.
fn command(arguments: &[String], variables: &[(String, String)]) -> Command {
    let mut command = lexivec_tests::bare(arguments);
    command.envs(variables.iter().cloned());
    command
}

/// A server, and the address that it names once it listens.
fn serve(mut command: Command) -> (Killed, String) {
    let mut child = command.stderr(Stdio::piped()).spawn().expect("started");
    let mut lines = BufReader::new(child.stderr.take().expect("stderr")).lines();
    let server = Killed(child);
    let mut address = lines.by_ref().map_while(Result::ok).filter_map(|line| {
        let address = line.split_once("] on http://")?.1.to_owned();
        line.starts_with("serving").then_some(address)
    });
    let address = address.next().expect("the server listens");
    std::thread::spawn(move || lines.for_each(drop));
    (server, address)
}

#[test]
fn the_service_reports_to_its_manager_that_it_listens() {
    let unit = text("lexivec.service");
    let start =
        unit.lines().find_map(|l| l.strip_prefix("ExecStart=/usr/bin/lexivec ")).expect("a start");
    let scratch = tempfile::tempdir().expect("a directory");
    let directory = scratch.path().join("collections");
    std::fs::create_dir(&directory).expect("made");
    let start = start
        .replace("/var/lib/lexivec/collections", arg(&directory))
        .replace("/etc/lexivec/lexivec.toml", arg(&packaging().join("lexivec.toml")));
    let socket = scratch.path().join("notify");
    let manager = UnixDatagram::bind(&socket).expect("bound");
    let variables = [("NOTIFY_SOCKET", arg(&socket)), ("LEXIVEC_BIND", "127.0.0.1:0")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let arguments: Vec<String> = start.split(' ').map(ToOwned::to_owned).collect();
    let (server, address) = serve(command(&arguments, &variables));
    let mut message = [0; 64];
    let length = manager.recv(&mut message).expect("a message");
    assert_eq!(&message[..length], b"READY=1\n");
    assert_eq!(lexivec_ok(&["health", &format!("http://{address}")]).lines().count(), 1);
    drop(server);
}

/// The image, as far as it concerns the command.
struct Image {
    variables: Vec<(String, String)>,
    /// Arguments of the server, and of the check of its health.
    server: Vec<String>,
    check: Vec<String>,
    /// Files that are copied from the context.
    copied: Vec<String>,
}

fn image() -> Image {
    let text = text("Containerfile").replace("\\\n", " ");
    let lines = |word: &'static str| text.lines().filter_map(move |l| l.strip_prefix(word));
    let list = |word| -> Vec<String> {
        let line = lines(word).next().expect(word);
        let json = &line[line.find('[').expect("the form of a list")..];
        serde_json::from_str(json).expect("JSON")
    };
    assert_eq!(list("ENTRYPOINT "), ["/lexivec"]);
    let mut check = list("HEALTHCHECK ");
    assert_eq!(check.remove(0), "/lexivec");
    let pairs = lines("ENV ").flat_map(str::split_whitespace).filter_map(|p| p.split_once('='));
    let copied = lines("COPY ").flat_map(|line| {
        let files: Vec<&str> = line.split(' ').filter(|w| !w.starts_with("--")).collect();
        files[..files.len() - 1].iter().map(|f| (*f).to_owned()).collect::<Vec<_>>()
    });
    Image {
        variables: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        server: list("CMD "),
        check,
        copied: copied.collect(),
    }
}

#[test]
fn the_image_refuses_to_serve_without_keys_and_checks_its_own_health() {
    let image = image();
    let scratch = tempfile::tempdir().expect("a directory");
    let place = |arguments: &[String]| -> Vec<String> {
        arguments.iter().map(|a| a.replace("/data", arg(scratch.path()))).collect()
    };
    let with = |more: &[(&str, &str)]| {
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        image.variables.iter().cloned().chain(more).collect::<Vec<_>>()
    };
    let run = |mut command: Command| command.output().expect("it runs");
    let refused = run(command(&place(&image.server), &image.variables));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(
        (refused.status.code(), said.contains("there are no keys")),
        (Some(1), true),
        "{said}"
    );

    lexivec_ok(&["key", "create", arg(scratch.path()), "first", "--role", "admin"]);
    let proxy = ("LEXIVEC_BEHIND_PROXY", "true");
    let variables = with(&[proxy, ("LEXIVEC_BIND", "0.0.0.0:0")]);
    let (server, address) = serve(command(&place(&image.server), &variables));
    let check = || run(command(&image.check, &with(&[proxy, ("LEXIVEC_BIND", &address)])));
    let healthy = check();
    assert!(healthy.status.success(), "{}", String::from_utf8_lossy(&healthy.stderr));
    drop(server);
    assert_eq!(check().status.code(), Some(1));
}

#[test]
fn the_example_configuration_is_accepted_with_each_line_that_is_commented_out() {
    let example = text("lexivec.toml");
    let scratch = tempfile::tempdir().expect("a directory");
    let file = scratch.path().join("lexivec.toml");
    let show = |text: &str| {
        std::fs::write(&file, text).expect("written");
        let arguments = ["config", "show", "--config", arg(&file)].map(ToOwned::to_owned);
        command(&arguments, &[]).output().expect("it runs")
    };
    let accepted = |output: &Output| output.status.success();
    assert!(accepted(&show(&example)));
    let optional: Vec<&str> = example
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| line.split_once(" = ").is_some_and(|(name, _)| !name.contains(' ')))
        .collect();
    assert!(optional.len() > 6, "{optional:?}");
    let names = String::from_utf8(show("").stdout).expect("UTF-8");
    for line in optional {
        let name = line.split(' ').next().expect("a name");
        assert!(names.lines().any(|shown| shown.starts_with(&format!("{name} ="))), "{name}");
    }
    assert!(!accepted(&show("nothing = 1\n")));
}

#[test]
fn the_recipes_use_files_that_exist() {
    let root = packaging().join("..");
    let (dist, deb) = (text("dist"), text("deb"));
    let path = Regex::new(r#"\$root/([\w./-]+)"#).expect("a pattern");
    let used: Vec<&str> = [&dist, &deb]
        .into_iter()
        .flat_map(|recipe| path.captures_iter(recipe))
        .map(|found| found.get(1).expect("a path").as_str())
        .collect();
    assert!(used.len() > 10, "{used:?}");
    for name in used {
        assert!(root.join(name).exists(), "{name}");
    }
    // Files of the image and of the package are those that `dist` writes.
    let made = |name: &str| dist.contains(&format!("/{name}"));
    let path = Regex::new(r#"\$out/([A-Za-z.-]+)"#).expect("a pattern");
    let packaged = path.captures_iter(&deb).map(|found| found[1].to_owned());
    for name in image().copied.into_iter().chain(packaged) {
        assert!(made(&name), "{name} is not made by packaging/dist");
    }
}

#[test]
fn a_binary_that_is_not_static_or_too_large_is_refused() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dist = |binary: &Path| {
        let mut recipe = Command::new(packaging().join("dist"));
        let output = recipe.arg(binary).arg(scratch.path().join("dist")).output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = dist(Path::new("/bin/sh"));
    assert_eq!((code, said.contains("linked dynamically")), (Some(1), true), "{said}");
    // The command for tests is dynamic, and too large as well where it is not optimized.
    let (code, said) = dist(&lexivec_tests::command());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("linked dynamically") || said.contains("more than"), "{said}");
}
