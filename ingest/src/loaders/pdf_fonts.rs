//! Encodings of fonts in a PDF that its reader does not know, written in a way that it does.
//!
//! ISO 32000-1, 9.6.6: a simple font names an encoding, or has a dictionary with the differences from one. The reader
//! knows the names of three; StandardEncoding, which the standard has besides, is written as differences from one of them
//! here. So is any other name, as fonts whose encoding is not known mostly have that one.

use std::collections::{BTreeMap, BTreeSet};

use pdf_extract::{Dictionary, Document, Object, ObjectId};

/// The encodings that the reader knows.
const KNOWN: [&[u8]; 3] = [b"MacRomanEncoding", b"MacExpertEncoding", b"WinAnsiEncoding"];
/// The one whose differences from StandardEncoding are written.
const BASE: &str = "WinAnsiEncoding";

/// Glyphs of StandardEncoding where it differs from WinAnsiEncoding: runs of codes, by the first one (ISO 32000-1, D.2).
const STANDARD: [(i64, &[&str]); 18] = [
    (0x27, &["quoteright"]),
    (0x60, &["quoteleft"]),
    (0xa1, &["exclamdown", "cent", "sterling", "fraction", "yen", "florin", "section", "currency"]),
    (0xa9, &["quotesingle", "quotedblleft", "guillemotleft", "guilsinglleft", "guilsinglright"]),
    (0xae, &["fi", "fl"]),
    (0xb1, &["endash", "dagger", "daggerdbl", "periodcentered"]),
    (0xb6, &["paragraph", "bullet", "quotesinglbase", "quotedblbase", "quotedblright"]),
    (0xbb, &["guillemotright", "ellipsis", "perthousand"]),
    (0xbf, &["questiondown"]),
    (0xc1, &["grave", "acute", "circumflex", "tilde", "macron", "breve", "dotaccent", "dieresis"]),
    (0xca, &["ring", "cedilla"]),
    (0xcd, &["hungarumlaut", "ogonek", "caron", "emdash"]),
    (0xe1, &["AE"]),
    (0xe3, &["ordfeminine"]),
    (0xe8, &["Lslash", "Oslash", "OE", "ordmasculine"]),
    (0xf1, &["ae"]),
    (0xf5, &["dotlessi"]),
    (0xf8, &["lslash", "oslash", "oe", "germandbls"]),
];

/// Writes every unknown encoding of a simple font as differences from a known one.
pub(super) fn make_known(document: &mut Document) {
    let unknown = |object: &Object| object.as_name().is_ok_and(is_unknown);
    // Names that are objects by themselves, to which fonts refer.
    let names: BTreeSet<ObjectId> =
        document.objects.iter().filter(|(_, object)| unknown(object)).map(|(id, _)| *id).collect();
    let lists = document.objects.iter();
    let lists = lists.filter_map(|(id, object)| Some((*id, object.as_array().ok()?.clone())));
    let fonts = Fonts { names, lists: lists.collect() };
    document.objects.values_mut().for_each(|object| fonts.visit(object));
}

fn is_unknown(name: &[u8]) -> bool {
    !KNOWN.contains(&name)
}

struct Fonts {
    /// Objects that are names of unknown encodings, or other names.
    names: BTreeSet<ObjectId>,
    /// Objects that are arrays.
    lists: BTreeMap<ObjectId, Vec<Object>>,
}

impl Fonts {
    /// Changes the fonts and encodings in an object.
    fn visit(&self, object: &mut Object) {
        match object {
            Object::Array(items) => items.iter_mut().for_each(|item| self.visit(item)),
            Object::Dictionary(dictionary) => self.dictionary(dictionary),
            Object::Stream(stream) => self.dictionary(&mut stream.dict),
            _ => {}
        }
    }

    fn dictionary(&self, dictionary: &mut Dictionary) {
        if let Some(name) = dictionary.get(b"Subtype").ok().and_then(|kind| kind.as_name().ok()) {
            let simple = [&b"Type1"[..], b"MMType1", b"TrueType", b"Type3"].contains(&name);
            if simple && dictionary.get(b"Encoding").is_ok_and(|encoding| self.is_unknown(encoding))
            {
                dictionary.set("Encoding", from_base(Vec::new()));
            }
        }
        if dictionary.get(b"BaseEncoding").is_ok_and(|base| self.is_unknown(base)) {
            let own = match dictionary.get(b"Differences") {
                Ok(Object::Array(own)) => own.clone(),
                Ok(Object::Reference(id)) => self.lists.get(id).cloned().unwrap_or_default(),
                _ => Vec::new(),
            };
            *dictionary = from_base(own);
        }
        dictionary.iter_mut().for_each(|(_, value)| self.visit(value));
    }

    fn is_unknown(&self, encoding: &Object) -> bool {
        match encoding {
            Object::Name(name) => is_unknown(name),
            Object::Reference(id) => self.names.contains(id),
            _ => false,
        }
    }
}

/// StandardEncoding with differences from it.
fn from_base(own: Vec<Object>) -> Dictionary {
    let mut differences = Vec::new();
    for (code, glyphs) in STANDARD {
        differences.push(Object::Integer(code));
        differences.extend(glyphs.iter().map(|glyph| Object::Name(glyph.as_bytes().to_vec())));
    }
    differences.extend(own);
    let mut encoding = Dictionary::new();
    encoding.set("Type", Object::Name(b"Encoding".to_vec()));
    encoding.set("BaseEncoding", Object::Name(BASE.as_bytes().to_vec()));
    encoding.set("Differences", Object::Array(differences));
    encoding
}
