//! The folder of models that were added: where it is, what is in it, and how one gets in.

use std::fs;
use std::path::{Component, Path, PathBuf};

use lexivec::model::ModelInfo;

use crate::exit::{Failure, Outcome};

/// Files of a model at the most: it has about ten, and a folder with more is something else.
const MAX_FILES: usize = 100;
/// Folders below a model's that are looked into: that of its pooling.
const MAX_DEPTH: usize = 1;
/// Bytes of a name.
const MAX_NAME_BYTES: usize = 128;
/// Endings of a model's files.
const ENDINGS: [&str; 4] = ["json", "safetensors", "txt", "md"];
/// Beginnings of names of files without such an ending that are taken along.
const LICENCES: [&str; 3] = ["LICENSE", "LICENCE", "NOTICE"];

/// Where models are added: `LEXIVEC_MODELS`, or `lexivec/models` in the user's data directory.
pub(crate) fn folder() -> Outcome<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(folder) = variable("LEXIVEC_MODELS") {
        return Ok(folder);
    }
    let data = variable("XDG_DATA_HOME").filter(|data| data.is_absolute());
    let data = data.or_else(|| variable("HOME").map(|home| home.join(".local/share")));
    data.map(|data| data.join("lexivec/models")).ok_or_else(|| {
        Failure::new("there is no HOME to keep models in; set LEXIVEC_MODELS to a folder")
    })
}

/// The folder a model is in: the one named if it is there, else that of an added model of this name.
pub(crate) fn find(named: &Path) -> Outcome<PathBuf> {
    let mut parts = named.components();
    let name = match (parts.next(), parts.next()) {
        (Some(Component::Normal(name)), None) if !named.exists() => name,
        _ => return Ok(named.to_owned()),
    };
    let folder = folder()?;
    let added = folder.join(name);
    if added.is_dir() {
        return Ok(added);
    }
    Err(Failure::new(format!(
        "{}: there is no such folder, and no such model in {}; `lexivec model add` adds one, `lexivec model \
         list` has their names",
        named.display(),
        folder.display()
    )))
}

/// Names of the models in a folder, sorted; none where it is not there.
pub(crate) fn names(folder: &Path) -> Outcome<Vec<String>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let fault = |e: std::io::Error| Failure::new(format!("{}: {e}", folder.display()));
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && is_name(&name) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// True of a name that a model may be added under: letters, digits, `_`, `-`, `.`, and neither `.` nor `-` first.
pub(crate) fn is_name(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    !name.is_empty()
        && !name.starts_with(['.', '-'])
        && name.len() <= MAX_NAME_BYTES
        && name.bytes().all(fits)
}

/// Copies the files of a model into a folder of models. It is there whole or not at all: the copy is opened
/// where nobody looks for it, and then renamed.
pub(crate) fn add(files: &[Part], name: &str, into: &Path) -> Outcome<ModelInfo> {
    let target = into.join(name);
    let at = |path: &Path, e: std::io::Error| Failure::new(format!("{}: {e}", path.display()));
    if !is_name(name) {
        let detail =
            "is no name for a model; use letters, digits, '_', '-' and '.', or give --name";
        return Err(Failure::usage(format!("{name:?} {detail}")));
    }
    if target.exists() {
        let detail = "is there already; remove it, or give another --name";
        return Err(Failure::new(format!("{} {detail}", target.display())));
    }
    let scratch = Scratch::below(into)?;
    // A transformer has the name of its folder.
    let copy = scratch.0.join(name);
    for Part { source, name } in files {
        let to = copy.join(name);
        let parent = to.parent().unwrap_or(&copy);
        fs::create_dir_all(parent).map_err(|e| at(parent, e))?;
        fs::copy(source, &to).map_err(|e| at(source, e))?;
        let written = fs::File::open(&to).and_then(|file| file.sync_all());
        written.map_err(|e| at(&to, e))?;
    }
    let info =
        ModelInfo::of(&copy, None).map_err(|e| Failure::new(format!("{e}; nothing was added")))?;
    fs::rename(&copy, &target).map_err(|e| at(&target, e))?;
    fs::File::open(into).and_then(|folder| folder.sync_all()).map_err(|e| at(into, e))?;
    Ok(info)
}

/// A file of a model: where it is, and its path in the model's folder.
pub(crate) struct Part {
    pub(crate) source: PathBuf,
    pub(crate) name: PathBuf,
}

/// The files of a folder that belong to a model; of links what they lead to.
pub(crate) fn parts(folder: &Path) -> Outcome<Vec<Part>> {
    let mut parts = Vec::new();
    collect(folder, Path::new(""), 0, &mut parts)?;
    parts.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(parts)
}

fn collect(folder: &Path, below: &Path, depth: usize, parts: &mut Vec<Part>) -> Outcome<()> {
    let at = folder.join(below);
    let fault = |e: std::io::Error| Failure::new(format!("{}: {e}", at.display()));
    for entry in fs::read_dir(&at).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let (source, name) = (entry.path(), below.join(entry.file_name()));
        if source.is_dir() && depth < MAX_DEPTH {
            collect(folder, &name, depth + 1, parts)?;
        } else if source.is_file() && belongs(&source) {
            parts.push(Part { source, name });
        }
        if parts.len() > MAX_FILES {
            let detail = format!("more than {MAX_FILES} files; name the folder of one model");
            return Err(Failure::new(format!("{}: {detail}", folder.display())));
        }
    }
    Ok(())
}

fn belongs(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let ending = path.extension().unwrap_or_default();
    !name.starts_with('.')
        && (ENDINGS.iter().any(|e| ending == *e) || LICENCES.iter().any(|l| name.starts_with(l)))
}

/// A new folder that is removed with what is in it.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    /// One in this folder, which is made if it is not there. Its name is none of a model.
    pub(crate) fn below(folder: &Path) -> Outcome<Self> {
        let fault = |e: std::io::Error| Failure::new(format!("{}: {e}", folder.display()));
        fs::create_dir_all(folder).map_err(fault)?;
        for number in 0.. {
            let path = folder.join(format!(".adding-{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(fault(e)),
            }
        }
        Err(Failure::new(format!("{}: no name is left", folder.display())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nobody takes what is left for a model.
        let _ = fs::remove_dir_all(&self.0);
    }
}
