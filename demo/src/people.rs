//! Names of people.

use crate::source::{Draw, Source};
use crate::words::people::{FAMILY, GIVEN};

/// Names of a given name and a family name.
const PAIRS: u64 = (GIVEN.len() * FAMILY.len()) as u64;

/// The name of the person with an index. The first 32,000 have two names each, all different; those after them have a
/// second given name too, and repeat after 5,120,000.
pub(crate) fn person(source: &Source, index: u64) -> String {
    let place = source.place("people", index % PAIRS, PAIRS) as usize;
    let (given, family) = (place % GIVEN.len(), place / GIVEN.len());
    let (given_name, family) = (GIVEN[given], FAMILY[family]);
    match (index / PAIRS) as usize % GIVEN.len() {
        0 => format!("{given_name} {family}"),
        round => format!("{given_name} {} {family}", GIVEN[(given + round) % GIVEN.len()]),
    }
}

/// A name of two parts.
pub(crate) fn anyone(draw: &mut Draw) -> String {
    format!("{} {}", draw.pick(&GIVEN), draw.pick(&FAMILY))
}

/// The address of a person's picture.
pub(crate) fn picture(name: &str) -> String {
    format!("https://ui-avatars.com/api/?name={}&background=random", name.replace(' ', "+"))
}
