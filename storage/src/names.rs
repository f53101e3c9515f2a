//! Names of the files in a collection's directory, and the numbers in them.

/// File that a writer locks.
pub(crate) const LOCK: &str = "LOCK";
/// A file that holds space, removed when the disk is full so that deletes have some.
pub(crate) const RESERVE: &str = "RESERVE";
/// A file that holds space for commits alone, so that what a full disk holds for nothing can be given up in any case.
pub(crate) const COMMIT_RESERVE: &str = "RESERVE-COMMIT";
/// The record of how far the log goes.
pub(crate) const LOG_END: &str = "LOG-END";
/// Name of the file that the test of a file system makes. One that an interrupted test left is swept like any
/// unfinished file.
pub(crate) const PROBE: &str = "PROBE";
/// Ending of a file that is written under this name and renamed once it is whole.
pub(crate) const TEMPORARY_ENDING: &str = ".tmp";

const MANIFEST: (&str, &str) = ("MANIFEST-", "");
const SEGMENT: (&str, &str) = ("segment-", ".lxv");
const LOG: (&str, &str) = ("log-", ".wal");

/// Name of a generation's manifest; names sort as generations do.
pub(crate) fn manifest_name(generation: u64) -> String {
    name(MANIFEST, generation)
}

/// The generation whose manifest has this name.
pub(crate) fn generation_of(name: &str) -> Option<u64> {
    number(MANIFEST, name)
}

/// Name of the segment file with this number.
pub(crate) fn segment_name(number: u64) -> String {
    name(SEGMENT, number)
}

/// The number of the segment file with this name.
pub(crate) fn segment_number(name: &str) -> Option<u64> {
    number(SEGMENT, name)
}

/// Name of the log file with this number; names sort as numbers do.
pub(crate) fn log_name(number: u64) -> String {
    name(LOG, number)
}

/// The number of the log file with this name.
pub(crate) fn log_number(name: &str) -> Option<u64> {
    number(LOG, name)
}

/// True for a name that a collection gives to its files, finished or not.
pub(crate) fn is_file_name(name: &str) -> bool {
    let name = name.strip_suffix(TEMPORARY_ENDING).unwrap_or(name);
    [LOCK, RESERVE, COMMIT_RESERVE, PROBE].contains(&name) || is_of_a_generation(name)
}

/// True for a name that is in the directory of a collection only, from its first generation on.
pub(crate) fn is_of_a_generation(name: &str) -> bool {
    name == LOG_END
        || generation_of(name).is_some()
        || segment_number(name).is_some()
        || log_number(name).is_some()
}

fn name((prefix, ending): (&str, &str), number: u64) -> String {
    format!("{prefix}{number:016x}{ending}")
}

/// The number in a name of this form, written exactly as [`name`] writes it.
fn number(form: (&str, &str), text: &str) -> Option<u64> {
    let digits = text.strip_prefix(form.0)?.strip_suffix(form.1)?;
    let number = u64::from_str_radix(digits, 16).ok()?;
    (name(form, number) == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_only_from_the_name_that_is_written_for_it() {
        for number in [0, 1, 255, u64::MAX] {
            assert_eq!(generation_of(&manifest_name(number)), Some(number));
            assert_eq!(segment_number(&segment_name(number)), Some(number));
            assert_eq!(log_number(&log_name(number)), Some(number));
        }
        for name in [
            "log-.wal",
            "log-ff.wal",
            "log-00000000000000FF.wal",
            "log-+0000000000000ff.wal",
            "log-00000000000000ff",
            "LOCK",
        ] {
            assert_eq!(log_number(name), None, "{name}");
        }
        for name in [
            "MANIFEST-",
            "MANIFEST-ff",
            "MANIFEST-00000000000000FF",
            "manifest-1",
            "x",
            "MANIFEST-0000000000000001.tmp",
        ] {
            assert_eq!(generation_of(name), None, "{name}");
        }
        assert_eq!(segment_number("segment-0000000000000001"), None);
    }
}
