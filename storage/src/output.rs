//! Files for other programs, such as exports: each gets its name once it is complete, so that a killed process leaves no
//! half of one under that name.

use std::fs::{self, File, FileType, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::error::{Error, Result};

/// Mode of files, of which the user's umask takes its part.
const FILE_MODE: u32 = 0o666;

/// Beginning of the name of a file that is being written.
const UNNAMED: &str = ".lexivec-";

/// Writes a file that must not exist. It gets its name once it is complete and synced; a failure leaves no file behind. A
/// pipe or a character device, such as `/dev/null`, is written as it is.
///
/// What `write` returns is returned, its error as well.
///
/// # Errors
/// [`Error::AlreadyExists`] if there is a file of that name, before `write` is called or after it, [`Error::NotFound`] if
/// the folder is not there, or another reason for which the file cannot be written.
///
/// ```
/// use lexivec_storage::output;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("list.txt");
/// output::create(&path, |out| out.write_all(b"one\n"))??;
/// assert_eq!(std::fs::read(&path)?, b"one\n");
/// let again = output::create(&path, |out| out.write_all(b"two\n"));
/// assert!(again.unwrap_err().to_string().ends_with("list.txt is already there"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn create<T, E>(
    path: &Path,
    write: impl FnOnce(&mut (dyn Write + Send)) -> std::result::Result<T, E>,
) -> Result<std::result::Result<T, E>> {
    if path.metadata().is_ok_and(|existing| is_stream(existing.file_type())) {
        let stream = File::options().write(true).open(path);
        let written = stream.and_then(|mut stream| filled(&mut stream, write));
        return written.map_err(|e| failed(path, e));
    }
    if path.symlink_metadata().is_ok() {
        return Err(failed(path, io::ErrorKind::AlreadyExists.into()));
    }
    match unnamed(path, FILE_MODE, write).map_err(|e| failed(path, e))? {
        (made, Ok(written)) => {
            made.persist_noclobber(path).map_err(|e| failed(path, e.error))?;
            Ok(Ok(written))
        }
        (_, Err(error)) => Ok(Err(error)),
    }
}

/// Writes a file, which takes the place of one that is there once it is complete and synced. A pipe or a device is written
/// as it is, and a link stays a link.
///
/// # Errors
/// When the file cannot be written; the one that was there stays.
pub fn replace(path: &Path, data: &[u8]) -> Result<()> {
    let existing = path.canonicalize();
    let path = existing.as_deref().unwrap_or(path);
    if path.exists() && !path.is_file() {
        return fs::write(path, data).map_err(|e| failed(path, e));
    }
    replace_with_mode(path, data, FILE_MODE)
}

/// Writes a file with a mode, which takes the place of one that is there, or of a link, once it is complete and synced.
pub(crate) fn replace_with_mode(path: &Path, data: &[u8], mode: u32) -> Result<()> {
    let written = || -> io::Result<()> {
        let (made, written) = unnamed(path, mode, |out| out.write_all(data))?;
        written?;
        made.persist(path).map(drop).map_err(|e| e.error)
    };
    written().map_err(|e| failed(path, e))
}

/// True for what is read while it is written, and holds nothing afterwards.
fn is_stream(kind: FileType) -> bool {
    kind.is_fifo() || kind.is_char_device()
}

/// A complete file in the folder of `path`, which is removed unless it gets a name.
fn unnamed<T, E>(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut (dyn Write + Send)) -> std::result::Result<T, E>,
) -> io::Result<(NamedTempFile, std::result::Result<T, E>)> {
    let folder = folder_of(path);
    sweep(folder);
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNNAMED).permissions(Permissions::from_mode(mode));
    let mut made = builder.tempfile_in(folder)?;
    made.as_file().lock()?;
    let written = filled(made.as_file_mut(), write)?;
    if written.is_ok() {
        made.as_file().sync_all()?;
    }
    Ok((made, written))
}

/// Writes a file through a buffer.
fn filled<T, E>(
    file: &mut File,
    write: impl FnOnce(&mut (dyn Write + Send)) -> std::result::Result<T, E>,
) -> io::Result<std::result::Result<T, E>> {
    let mut out = BufWriter::new(file);
    let written = write(&mut out);
    if written.is_ok() {
        out.flush()?;
    }
    Ok(written)
}

/// Removes the files that killed processes were writing in a folder; those that are being written are locked. One that
/// cannot be removed disturbs no other.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(UNNAMED);
        if !ours || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let path = entry.path();
        if File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_file(&path);
        }
    }
}

/// The folder of a file or a directory; that of a bare name is the present one.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn failed(path: &Path, error: io::Error) -> Error {
    // An error of a temporary file has the path of that file, which says nothing to a reader.
    let source = error.get_ref().and_then(|inner| inner.source()?.downcast_ref::<io::Error>());
    let error = match source.and_then(io::Error::raw_os_error) {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error,
    };
    // The file itself is made, so what is missing is its folder.
    let missing = error.kind() == io::ErrorKind::NotFound;
    let path = if missing { folder_of(path) } else { path };
    Error::io("write", path.display().to_string(), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("listed").map(|entry| entry.expect("entry"));
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_that_is_not_complete_has_no_name() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("a");
        let refused = create(&path, |out| {
            out.write_all(b"half").expect("written");
            assert!(!path.exists(), "it has its name too early");
            Err::<(), _>("no")
        });
        assert_eq!(refused.expect("a file"), Err("no"));
        assert_eq!(names(folder.path()), [""; 0]);
        create(&path, |out| out.write_all(b"whole")).expect("a file").expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"whole");
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_is_being_written_stays() {
        let folder = tempfile::tempdir().expect("folder");
        let [left, held] =
            ["left", "held"].map(|name| folder.path().join(UNNAMED.to_owned() + name));
        fs::write(&left, b"half").expect("written");
        let open = File::create(&held).expect("made");
        open.lock().expect("locked");
        replace(&folder.path().join("b"), b"whole").expect("written");
        assert_eq!(names(folder.path()), [".lexivec-held", "b"]);
    }

    #[test]
    fn an_existing_file_is_replaced_or_refused_and_a_missing_folder_named() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("c");
        replace(&path, b"one").expect("written");
        replace(&path, b"two").expect("written");
        let refused = create(&path, |_| Ok::<(), ()>(())).expect_err("it exists");
        assert!(matches!(refused, Error::AlreadyExists { .. }), "{refused}");
        assert_eq!(fs::read(&path).expect("read"), b"two");
        let missing = replace(&folder.path().join("none/c"), b"").expect_err("no folder");
        assert!(missing.to_string().ends_with("/none is not there"), "{missing}");
    }
}
