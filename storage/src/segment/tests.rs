//! Segment files: what is written is read, what is damaged is refused, nothing panics.

use super::*;
use crate::checksum::{crc, hash};
use crate::vfs::Vfs;
use crate::vfs::memory::MemoryVfs;

const NAME: &str = "segment-1.lxv";
const SEGMENT: u128 = 0x1234_5678;

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + i / 251) as u8).collect()
}

/// A file of these sections and its bytes.
fn written(sections: &[(&str, Vec<u8>)]) -> (SegmentFile, Vec<u8>) {
    let vfs = MemoryVfs::default();
    let mut writer = SegmentWriter::create(&vfs, NAME, SEGMENT).expect("created");
    for (name, bytes) in sections {
        writer.section(name, bytes).expect("written");
    }
    let file = writer.finish().expect("finished");
    let bytes = vfs.contents().remove(NAME).expect("it is there");
    (file, bytes)
}

fn small() -> Vec<(&'static str, Vec<u8>)> {
    vec![("first", pattern(100)), ("empty", Vec::new()), ("last", pattern(65))]
}

fn open(file: &SegmentFile, bytes: &[u8]) -> Result<SegmentReader> {
    let vfs = MemoryVfs::with_files([(NAME.to_owned(), bytes.to_vec())]);
    SegmentReader::open(&vfs, file)
}

#[test]
fn round_trip_around_the_block_size() {
    let lengths = [0, 1, 63, 64, 65, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1];
    let names: Vec<String> = lengths.iter().map(|l| format!("of {l}")).collect();
    let mut sections: Vec<(&str, Vec<u8>)> =
        names.iter().zip(lengths).map(|(name, len)| (name.as_str(), pattern(len))).collect();
    // More than the writer's buffer in one piece.
    sections.push(("large", pattern(20 * BLOCK_BYTES + 7)));
    let (file, bytes) = written(&sections);
    assert_eq!(file.len, bytes.len() as u64);
    let reader = open(&file, &bytes).expect("sound");
    reader.verify().expect("sound");
    assert!(reader.names().eq(sections.iter().map(|(name, _)| *name)));
    for (name, expected) in &sections {
        let section = reader.section(name).expect("it is there");
        assert_eq!(section.len(), expected.len());
        assert_eq!(section.all().expect("sound"), expected, "{name}");
        assert_eq!(&*section.bytes().expect("sound"), expected.as_slice());
        let start = section.all().expect("sound").as_ptr();
        assert!(section.is_empty() || start.align_offset(64) == 0, "{name}");
    }
    assert!(reader.find("missing").is_none());
    assert!(matches!(reader.section("missing"), Err(Error::Corrupt { .. })));
}

#[test]
fn a_streamed_section_is_the_same_file() {
    let whole = pattern(3 * BLOCK_BYTES + 5);
    let (expected, bytes) = written(&[("a", whole.clone()), ("b", pattern(9))]);
    for step in [1000, BLOCK_BYTES, BLOCK_BYTES + 1] {
        let vfs = MemoryVfs::default();
        let mut writer = SegmentWriter::create(&vfs, NAME, SEGMENT).expect("created");
        writer.begin("a").expect("begun");
        for part in whole.chunks(step) {
            writer.write(part).expect("written");
        }
        writer.end().expect("ended");
        writer.section("b", &pattern(9)).expect("written");
        assert_eq!(writer.finish().expect("finished"), expected, "{step}");
        assert_eq!(vfs.contents()[NAME], bytes, "{step}");
    }
}

#[test]
fn the_writer_refuses_what_could_not_be_read() {
    let vfs = MemoryVfs::default();
    let mut writer = SegmentWriter::create(&vfs, NAME, SEGMENT).expect("created");
    assert!(writer.write(b"x").is_err(), "no section was begun");
    writer.begin("a").expect("begun");
    assert!(writer.begin("b").is_err(), "a was not ended");
    writer.end().expect("ended");
    let long = "n".repeat(MAX_NAME_BYTES + 1);
    for name in ["a", "", long.as_str()] {
        let refused = writer.begin(name);
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{name:?}");
    }
    writer.section(&long[1..], b"x").expect("the longest name");
    for i in 2..MAX_SECTIONS {
        writer.section(&i.to_string(), &[]).expect("within the limit");
    }
    assert!(writer.begin("one more").is_err());
    let file = writer.finish().expect("finished");
    let reader = SegmentReader::open(&vfs, &file).expect("sound");
    assert_eq!(reader.names().count(), MAX_SECTIONS as usize);
    let taken = SegmentWriter::create(&vfs, NAME, SEGMENT);
    assert!(matches!(taken.err(), Some(Error::AlreadyExists { .. })));
}

#[test]
fn every_flipped_bit_is_noticed_and_no_section_lies() {
    let (file, bytes) = written(&small());
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let Ok(reader) = open(&file, &damaged) else {
            continue;
        };
        assert!(reader.verify().is_err(), "bit {bit} is not noticed");
        for (name, expected) in small() {
            match reader.section(name).expect("the tables are right").all() {
                Ok(found) => assert_eq!(found, expected, "bit {bit}"),
                Err(error) => assert!(error.to_string().contains(name), "{error}"),
            }
        }
    }
}

#[test]
fn every_cut_is_noticed() {
    let (file, bytes) = written(&small());
    for len in 0..bytes.len() {
        let cut = &bytes[..len];
        assert!(open(&file, cut).is_err(), "cut to {len}");
        // Nor is it accepted when the manifest agrees on the length.
        let file = SegmentFile { len: len as u64, ..file.clone() };
        assert!(open(&file, cut).is_err(), "cut to {len}, length given");
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(open(&file, &longer).is_err());
}

#[test]
fn damage_is_reported_by_section_and_block_and_the_rest_is_read() {
    let content = pattern(3 * BLOCK_BYTES);
    let (file, mut bytes) = written(&[("rows", content.clone())]);
    bytes[EDGE_BYTES + BLOCK_BYTES + 17] ^= 4;
    let reader = open(&file, &bytes).expect("its tables are right");
    let rows = reader.section("rows").expect("it is there");
    // Twice: a damaged block is not remembered as a sound one.
    for _ in 0..2 {
        let first = rows.get(0..BLOCK_BYTES).expect("block 0 is sound");
        assert_eq!(first, &content[..BLOCK_BYTES]);
        for range in
            [BLOCK_BYTES..BLOCK_BYTES + 1, BLOCK_BYTES - 1..BLOCK_BYTES + 1, 0..content.len()]
        {
            let error = rows.get(range).expect_err("block 1 is damaged");
            let Error::Corrupt { file, section, offset, .. } = &error else {
                panic!("{error}");
            };
            assert_eq!((file.as_str(), section.as_deref()), (NAME, Some("rows")));
            assert_eq!(*offset, BLOCK_BYTES as u64);
            assert!(error.to_string().contains("lexivec verify"), "{error}");
        }
        let last = rows.get(2 * BLOCK_BYTES..content.len()).expect("sound");
        assert_eq!(last, &content[2 * BLOCK_BYTES..]);
    }
}

#[test]
fn ranges_outside_are_errors() {
    let (file, bytes) = written(&[("rows", pattern(100)), ("more", pattern(100))]);
    let reader = open(&file, &bytes).expect("sound");
    let rows = reader.section("rows").expect("it is there");
    for whole_known in [false, true] {
        let (backwards_from, backwards_to) = (50, 40);
        for (start, end) in [
            (0, 101),
            (101, 101),
            (99, usize::MAX),
            (usize::MAX, usize::MAX),
            (backwards_from, backwards_to),
        ] {
            let refused = rows.get(start..end);
            assert!(refused.is_err(), "{start}..{end}, {whole_known}");
            assert!(rows.bytes_of(start..end).is_err(), "{start}..{end}");
        }
        assert!(rows.get(100..100).expect("empty").is_empty());
        rows.all().expect("sound");
    }
}

#[test]
fn threads_that_touch_first_together_all_see_the_right_bytes() {
    let content = pattern(70 * BLOCK_BYTES + 3);
    let (file, bytes) = written(&[("rows", content.clone())]);
    let reader = open(&file, &bytes).expect("sound");
    let rows = reader.section("rows").expect("it is there");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (rows, content) = (rows.clone(), &content);
            scope.spawn(move || {
                for i in 0..content.len() / 1000 {
                    let at = (i * 7919 + thread * 13) * 1000 % (content.len() - 1000);
                    let range = at..at + 1000;
                    assert_eq!(rows.get(range.clone()).expect("sound"), &content[range]);
                }
            });
        }
    });
    assert_eq!(rows.all().expect("sound"), content);
}

#[test]
fn versions_of_header_and_footer_are_checked() {
    let (file, bytes) = written(&small());
    let footer = bytes.len() - EDGE_BYTES;
    // Major and minor of each.
    for at in [8, 10, footer + 8, footer + 10] {
        let mut other = bytes.clone();
        other[at] += 1;
        let error = open(&file, &other).expect_err("refused");
        assert!(matches!(error, Error::NewerFormat { .. }), "{error}");
    }
    for at in [8, footer + 8] {
        let mut other = bytes.clone();
        other[at] = 0;
        let error = open(&file, &other).expect_err("refused");
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    }
}

/// The bytes with matching checksums, as an attacker could compute them.
fn resealed(mut bytes: Vec<u8>) -> (SegmentFile, Vec<u8>) {
    let header = crc(&bytes[..EDGE_BYTES - 4]).to_le_bytes();
    bytes[EDGE_BYTES - 4..EDGE_BYTES].copy_from_slice(&header);
    let footer = bytes.len() - EDGE_BYTES;
    let mut field = [0; 8];
    field.copy_from_slice(&bytes[footer + 16..footer + 24]);
    let table = (u64::from_le_bytes(field) as usize).min(footer);
    let end = bytes.len() - 4;
    let tail = crc(&bytes[table..end]).to_le_bytes();
    bytes[end..].copy_from_slice(&tail);
    let file = SegmentFile {
        name: NAME.to_owned(),
        len: bytes.len() as u64,
        tail_hash: hash(&bytes[table..]),
    };
    (file, bytes)
}

/// Opens a file and touches all of it; neither may panic. True if it could be opened.
fn survives(file: &SegmentFile, bytes: &[u8]) -> bool {
    let Ok(reader) = open(file, bytes) else {
        return false;
    };
    let _ = reader.verify();
    for name in reader.names() {
        let section = reader.section(name).expect("a listed name");
        let _ = section.all();
        let _ = section.get(0..1);
    }
    true
}

#[test]
fn hostile_tables_with_right_checksums_do_no_harm() {
    let (_, bytes) = written(&small());
    let (file, sound) = resealed(bytes.clone());
    assert!(sound == bytes && survives(&file, &sound), "resealing is right");
    for at in 0..bytes.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff, bytes[at].wrapping_add(1)] {
            let mut hostile = bytes.clone();
            hostile[at] = value;
            let (file, hostile) = resealed(hostile);
            survives(&file, &hostile);
        }
    }
    // Whole 64-bit fields: offsets and lengths near the ends of their range.
    for at in 0..bytes.len() - 8 {
        for value in [u64::MAX, u64::MAX - 63, 1 << 63, 1 << 32] {
            let mut hostile = bytes.clone();
            hostile[at..at + 8].copy_from_slice(&value.to_le_bytes());
            let (file, hostile) = resealed(hostile);
            survives(&file, &hostile);
        }
    }
}

#[test]
fn sections_may_not_overlap_repeat_or_leave_gaps() {
    let (_, bytes) = written(&[("a", pattern(64)), ("b", pattern(64)), ("c", pattern(128))]);
    // An entry is offset (8), length (8), length of the name (2) and a name of one byte. They lie
    // at 64, 128 and 192, and the tail starts at 320.
    let entry = |i: usize| bytes.len() - EDGE_BYTES - (3 - i) * 19;
    let cases: [(&str, usize, u8); 5] = [
        ("overlaps", entry(1), 64),
        ("leaves a gap", entry(1), 192),
        ("is not aligned", entry(1), 129),
        ("has the name of another", entry(1) + 18, b'a'),
        ("ends before the tail starts", entry(2) + 8, 64),
    ];
    for (fault, at, value) in cases {
        let mut hostile = bytes.clone();
        hostile[at] = value;
        let (file, hostile) = resealed(hostile);
        assert!(open(&file, &hostile).is_err(), "a section that {fault}");
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_at_all_are_an_error_or_a_file(noise in proptest::collection::vec(0u8.., 0..400)) {
        let file = SegmentFile {
            name: NAME.to_owned(),
            len: noise.len() as u64,
            tail_hash: hash(&noise),
        };
        proptest::prop_assert!(!survives(&file, &noise));
    }

    #[test]
    fn several_changes_with_right_checksums_do_no_harm(
        changes in proptest::collection::vec((0usize..1000, 0u8..), 1..6)
    ) {
        let (_, mut bytes) = written(&small());
        let len = bytes.len();
        for (at, value) in changes {
            bytes[at % len] = value;
        }
        let (file, bytes) = resealed(bytes);
        survives(&file, &bytes);
    }
}

#[test]
fn padding_is_zero_or_it_is_reported() {
    let (file, mut bytes) = written(&small());
    // Between the 100 bytes of the first section and the next multiple of 64.
    bytes[EDGE_BYTES + 100] = 1;
    let reader = open(&file, &bytes).expect("padding is not looked at");
    let error = reader.verify().expect_err("it is now");
    assert!(error.to_string().contains("padding"), "{error}");
}

#[test]
fn a_file_of_another_manifest_is_refused() {
    let (mine, _) = written(&[("a", pattern(64))]);
    let (other, bytes) = written(&[("a", pattern(64).into_iter().rev().collect())]);
    assert_eq!(mine.len, other.len);
    assert!(open(&other, &bytes).is_ok());
    assert!(open(&mine, &bytes).is_err());
    let vfs = MemoryVfs::default();
    let missing = SegmentReader::open(&vfs as &dyn Vfs, &mine);
    assert!(matches!(missing.err(), Some(Error::NotFound { .. })));
}
