//! Any bytes as a segment file: its tables and blocks, nothing of what the engine keeps in it.

use lexivec::storage::{MemoryVfs, SegmentFile, SegmentReader, SegmentWriter};

use crate::seal;

const NAME: &str = "segment-0000000000000001.lxv";

/// Reads the bytes as they are, and with their checksums made right.
pub fn run(data: &[u8]) {
    let (file, sealed) = seal::segment(NAME, data.to_vec());
    read(&SegmentFile { len: data.len() as u64, ..file.clone() }, data.to_vec());
    read(&file, sealed);
}

fn read(file: &SegmentFile, bytes: Vec<u8>) {
    let len = bytes.len();
    let disk = MemoryVfs::with_files([(NAME.to_owned(), bytes)]);
    let Ok(reader) = SegmentReader::open(&disk, file) else {
        return;
    };
    let whole = reader.verify().is_ok();
    let mut sum = 0;
    for name in reader.names() {
        let section = reader.section(name).expect("a listed name");
        sum += section.len();
        for range in [0..1, 0..section.len() + 1, section.len()..usize::MAX] {
            let _ = section.bytes_of(range);
        }
        let all = section.all();
        assert!(all.is_ok() || !whole, "verify passed over a block");
        if let (true, Ok([first, ..])) = (cfg!(feature = "planted"), all) {
            // Trusts a length in the bytes.
            assert!(section.get(0..usize::from(*first)).is_ok(), "planted");
        }
    }
    assert!(sum <= len, "sections do not overlap");
}

/// Small files with none, one and several sections.
pub fn seeds() -> Vec<Vec<u8>> {
    let long = (0..200u8).map(|i| i / 2).collect::<Vec<u8>>();
    let parts: [&[(&str, &[u8])]; 4] = [
        &[],
        &[("rows", b"\x04abcdef")],
        &[("a", &[]), ("b", &[9; 64]), ("c", &[])],
        &[("documents/data", &long), ("documents/offsets", &long[..65]), ("x", &long[..64])],
    ];
    parts.iter().map(|sections| file_of(sections)).collect()
}

fn file_of(sections: &[(&str, &[u8])]) -> Vec<u8> {
    let disk = MemoryVfs::default();
    let mut writer = SegmentWriter::create(&disk, NAME, 0xfeed).expect("created");
    for (name, bytes) in sections {
        writer.section(name, bytes).expect("written");
    }
    writer.finish().expect("finished");
    disk.contents().remove(NAME).expect("the file")
}
