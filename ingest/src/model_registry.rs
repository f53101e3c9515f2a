//! The model registry: a folder of models that can be named without their path.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use lexivec::model::{CrossEncoder, Embedder, ModelInfo, Precision, Reranker};

use lexivec::storage::reason;

use crate::error::{Error, Result};

/// Most files of a model: it has about ten, and a folder with more is something else.
const MAX_FILES: usize = 100;
/// Levels of folders below a model's that are copied: its pooling has one.
const MAX_DEPTH: usize = 1;
/// Most bytes of a name.
const MAX_NAME_BYTES: usize = 128;
/// Endings of a model's files, without the dot.
const ENDINGS: [&str; 4] = ["json", "safetensors", "txt", "md"];
/// Beginnings of the names of other files that are copied.
const LICENCES: [&str; 3] = ["LICENSE", "LICENCE", "NOTICE"];

/// Returns the folder of models: `$LEXIVEC_MODELS`, or `lexivec/models` in the user's data directory.
///
/// # Errors
/// [`Error::Input`] if there is neither this variable nor a home directory.
pub fn folder() -> Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(folder) = variable("LEXIVEC_MODELS") {
        return Ok(folder);
    }
    let data = variable("XDG_DATA_HOME").filter(|data| data.is_absolute());
    let data = data.or_else(|| variable("HOME").map(|home| home.join(".local/share")));
    data.map(|data| data.join("lexivec/models")).ok_or_else(|| {
        Error::input("there is no home directory to keep models in; set LEXIVEC_MODELS to a folder")
    })
}

/// Returns the folder of a model: the path itself if it exists, else the added model of this name.
///
/// # Errors
/// [`Error::Input`] if there is neither.
pub fn find(named: &Path) -> Result<PathBuf> {
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
    Err(Error::input(format!(
        "{}: there is no such folder, and no such model in {}; `lexivec model add` adds one, `lexivec model \
         list` prints their names",
        named.display(),
        folder.display()
    )))
}

/// Opens the embedder in a folder or of an added model, see [`find`].
///
/// # Errors
/// Those of [`find`], and [`Error::Input`] if the folder has no such model.
pub fn open_embedder(named: &Path, precision: Option<Precision>) -> Result<Arc<dyn Embedder>> {
    let folder = find(named)?;
    lexivec::model::open_embedder(&folder, precision).map_err(|e| in_folder(&folder, &e))
}

/// Opens the cross-encoder in a folder or of an added model, see [`find`].
///
/// # Errors
/// Those of [`find`], and [`Error::Input`] if the folder has no such model.
pub fn open_reranker(named: &Path, precision: Precision) -> Result<Arc<dyn Reranker>> {
    let folder = find(named)?;
    let opened = CrossEncoder::open(&folder, precision).map_err(|e| in_folder(&folder, &e))?;
    Ok(Arc::new(opened))
}

fn in_folder(folder: &Path, error: &lexivec::Error) -> Error {
    Error::input(format!("{}: {error}", folder.display()))
}

/// Returns the names of the models in a folder, sorted; an empty list if there is no folder.
///
/// # Errors
/// [`Error::Input`] if the folder cannot be read.
pub fn names(folder: &Path) -> Result<Vec<String>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let fault = |e: std::io::Error| Error::input(format!("{}: {}", folder.display(), reason(&e)));
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

/// Returns true if a model may have this name: letters, digits, `_`, `-`, `.`, and neither `.` nor `-` first.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    !name.is_empty()
        && !name.starts_with(['.', '-'])
        && name.len() <= MAX_NAME_BYTES
        && name.bytes().all(fits)
}

/// Copies the files of a model into a folder of models. The copy is made and opened under a hidden name and then
/// renamed, so that an interrupted call leaves no half of a model.
///
/// # Errors
/// [`Error::Argument`] if the name cannot be one, [`Error::Input`] if it is taken or the files are no model.
pub fn add(files: &[Part], name: &str, into: &Path) -> Result<ModelInfo> {
    let target = into.join(name);
    let at = |path: &Path, e: std::io::Error| {
        Error::input(format!("{}: {}", path.display(), reason(&e)))
    };
    if !is_name(name) {
        let detail = "cannot be the name of a model; give one of letters, digits, '_', '-' and '.'";
        return Err(Error::argument(format!("{name:?} {detail}")));
    }
    if target.exists() {
        let detail = "exists already; remove it, or give another name";
        return Err(Error::input(format!("{} {detail}", target.display())));
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
        ModelInfo::of(&copy, None).map_err(|e| Error::input(format!("{e}; nothing was added")))?;
    fs::rename(&copy, &target).map_err(|e| at(&target, e))?;
    fs::File::open(into).and_then(|folder| folder.sync_all()).map_err(|e| at(into, e))?;
    Ok(info)
}

/// A file of a model.
#[derive(Clone, Debug)]
pub struct Part {
    /// Path of the file.
    pub source: PathBuf,
    /// Its path in the model's folder.
    pub name: PathBuf,
}

/// Returns the files of a folder that belong to a model; symbolic links are followed.
///
/// # Errors
/// [`Error::Input`] if the folder cannot be read or has too many files.
pub fn parts(folder: &Path) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    collect(folder, Path::new(""), 0, &mut parts)?;
    parts.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(parts)
}

fn collect(folder: &Path, below: &Path, depth: usize, parts: &mut Vec<Part>) -> Result<()> {
    let at = folder.join(below);
    let fault = |e: std::io::Error| Error::input(format!("{}: {}", at.display(), reason(&e)));
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
            return Err(Error::input(format!("{}: {detail}", folder.display())));
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

/// A new folder, removed with its content when dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes one in `folder`, which is made too if it does not exist. Its name cannot be that of a model.
    ///
    /// # Errors
    /// [`Error::Input`] if it cannot be made.
    pub fn below(folder: &Path) -> Result<Self> {
        let fault =
            |e: std::io::Error| Error::input(format!("{}: {}", folder.display(), reason(&e)));
        fs::create_dir_all(folder).map_err(fault)?;
        for number in 0.. {
            let path = folder.join(format!(".adding-{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(fault(e)),
            }
        }
        Err(Error::input(format!("{}: no name is left", folder.display())))
    }

    /// Returns its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A folder that stays is hidden, and no model by its name.
        let _ = fs::remove_dir_all(&self.0);
    }
}
