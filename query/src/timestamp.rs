//! Timestamps in strings: RFC 3339, and the shorter forms in common use.

use std::fmt;
use std::time::SystemTime;

/// Most digits of a fraction of a second that count; those after them are left out.
const FRACTION_DIGITS: usize = 9;

/// A moment, in the proleptic Gregorian calendar, to the nanosecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Since the beginning of 1970 in UTC.
    seconds: i64,
    nanos: u32,
}

impl Timestamp {
    /// Whole seconds since the beginning of 1970 in UTC; a fraction is left out.
    #[must_use]
    pub fn unix(self) -> i64 {
        self.seconds
    }

    /// The moment of whole seconds since the beginning of 1970 in UTC.
    #[must_use]
    pub fn of_unix(seconds: i64) -> Self {
        Self { seconds, nanos: 0 }
    }

    /// The moment of a system's clock, to the millisecond.
    #[must_use]
    pub fn of_system(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        Self { seconds, nanos: since.subsec_millis() * 1_000_000 }
    }

    /// Reads `2020-01-31T12:30:00.5+01:00` (RFC 3339) and the same with a space for the `T`, without
    /// seconds, with a comma before the fraction, with the offset as `+0100` or `+01`, with a space before it (git and
    /// Java write these), without the offset (it is UTC then), or only the date (its first moment in UTC).
    /// Anything else is no moment: `None`. A 60th second is the first of the next minute.
    pub fn parse(text: &str) -> Option<Self> {
        // Most strings are not timestamps, and one byte excludes most of those.
        if text.as_bytes().get(4) != Some(&b'-') {
            return None;
        }
        let mut input = Input(text.as_bytes());
        let year = input.number(4)?;
        input.one_of(b"-")?;
        let month = input.number(2)?;
        input.one_of(b"-")?;
        let day = input.number(2)?;
        if !(1..=12).contains(&month) || !(1..=days_of(year, month)).contains(&day) {
            return None;
        }
        let midnight = days_since_1970(year, month, day) * 86_400;
        if input.0.is_empty() {
            return Some(Self { seconds: midnight, nanos: 0 });
        }
        input.one_of(b"Tt ")?;
        let (hour, minute) = (input.number(2)?, input.one_of(b":").and_then(|_| input.number(2))?);
        let (mut second, mut nanos) = (0, 0);
        if input.one_of(b":").is_some() {
            second = input.number(2)?;
            if input.one_of(b".,").is_some() {
                nanos = input.fraction()?;
            }
        }
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let offset = input.offset()?;
        let seconds = midnight + hour * 3_600 + minute * 60 + second - offset;
        input.0.is_empty().then_some(Self { seconds, nanos })
    }
}

/// RFC 3339 in UTC, with as many digits of the fraction as it takes: none, three, six or nine.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.seconds.div_euclid(86_400));
        let second = self.seconds.rem_euclid(86_400);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        match self.nanos {
            0 => {}
            nanos if nanos % 1_000_000 == 0 => write!(f, ".{:03}", nanos / 1_000_000)?,
            nanos if nanos % 1_000 == 0 => write!(f, ".{:06}", nanos / 1_000)?,
            nanos => write!(f, ".{nanos:09}")?,
        }
        f.write_str("Z")
    }
}

/// The bytes left to read.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn one_of(&mut self, signs: &[u8]) -> Option<u8> {
        let (&first, rest) = self.0.split_first().filter(|(first, _)| signs.contains(first))?;
        self.0 = rest;
        Some(first)
    }

    /// A number of exactly `digits` digits.
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        number.iter().try_fold(0, |sum, digit| {
            digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0'))
        })
    }

    /// At least one digit of a fraction, as nanoseconds.
    fn fraction(&mut self) -> Option<u32> {
        let digits = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        let (fraction, rest) = self.0.split_at_checked(digits).filter(|_| digits > 0)?;
        self.0 = rest;
        let digit = |index: usize| fraction.get(index).map_or(0, |b| u32::from(b - b'0'));
        Some((0..FRACTION_DIGITS).fold(0, |sum, index| sum * 10 + digit(index)))
    }

    /// Seconds that local time is ahead of UTC.
    fn offset(&mut self) -> Option<i64> {
        let spaced = self.one_of(b" ").is_some();
        match self.one_of(b"Zz+-") {
            None => (!spaced).then_some(0),
            Some(b'Z' | b'z') => Some(0),
            Some(sign) => {
                let hours = self.number(2)?;
                let colon = self.one_of(b":").is_some();
                let minutes = if colon || !self.0.is_empty() { self.number(2)? } else { 0 };
                let ahead = hours * 3_600 + minutes * 60;
                (hours <= 23 && minutes <= 59).then_some(if sign == b'-' { -ahead } else { ahead })
            }
        }
    }
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from the first of 1970: whole years up to this one, then its months.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    /// Days from the first day of the year 0 to that of 1970.
    const BEFORE_1970: i64 = 719_528;
    // Leap years among the years 0..year; the year 0 is one.
    let leap = (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
    let months: i64 = (1..month).map(|m| days_of(year, m)).sum();
    year * 365 + leap + months + day - 1 - BEFORE_1970
}

/// Year, month and day of a day since the first of 1970: the year by its mean length, corrected by at most one.
fn civil(day: i64) -> (i64, i64, i64) {
    let mut year = 1970 + day.saturating_mul(400).div_euclid(146_097);
    while days_since_1970(year, 1, 1) > day {
        year -= 1;
    }
    while days_since_1970(year + 1, 1, 1) <= day {
        year += 1;
    }
    let mut left = day - days_since_1970(year, 1, 1);
    for month in 1..12 {
        let days = days_of(year, month);
        if left < days {
            return (year, month, left + 1);
        }
        left -= days;
    }
    (year, 12, left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments_are_read() {
        for (text, seconds, nanos) in [
            ("1970-01-01", 0, 0),
            ("1970-01-01T00:00:00Z", 0, 0),
            ("1970-01-01 00:01", 60, 0),
            ("1969-12-31t23:59:59.5z", -1, 500_000_000),
            ("1970-01-01T01:00:00+01:00", 0, 0),
            ("1969-12-31T22:30:00-01:30", 0, 0),
            ("1970-01-01T01:00:00+0100", 0, 0),
            ("1970-01-01T01:00:00+01", 0, 0),
            ("1969-12-31 22:30:00 -0130", 0, 0),
            ("1970-01-01T00:00:00,5 Z", 0, 500_000_000),
            ("2000-02-29", 951_782_400, 0),
            ("2024-03-01T00:00:00", 1_709_251_200, 0),
            ("2016-12-31T23:59:60Z", 1_483_228_800, 0),
            ("1969-07-21T20:17:40", -14_096_540, 0),
            ("2025-02-03T12:45:46.435816Z", 1_738_586_746, 435_816_000),
            ("0000-01-01", -62_167_219_200, 0),
            ("9999-12-31T23:59:59.9999999999Z", 253_402_300_799, 999_999_999),
        ] {
            assert_eq!(Timestamp::parse(text), Some(Timestamp { seconds, nanos }), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_moment_that_is_written_is_read_back(
            seconds in -62_167_219_200_i64..253_402_300_800,
            nanos in prop_oneof![Just(0), (0_u32..1_000).prop_map(|ms| ms * 1_000_000), 0_u32..1_000_000_000],
        ) {
            let moment = Timestamp { seconds, nanos };
            prop_assert_eq!(Timestamp::parse(&moment.to_string()), Some(moment));
        }
    }

    #[test]
    fn moments_are_written() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
        ] {
            assert_eq!(Timestamp::of_unix(seconds).to_string(), text);
        }
        let later = SystemTime::UNIX_EPOCH + std::time::Duration::from_micros(1_500_999);
        assert_eq!(Timestamp::of_system(later).to_string(), "1970-01-01T00:00:01.500Z");
    }

    #[test]
    fn other_strings_are_no_moments() {
        for text in [
            "",
            "2020",
            "2020-01",
            "2020-13-01",
            "2020-02-30",
            "2100-02-29",
            "20200101",
            "2020-1-1",
            "2020-01-01T",
            "2020-01-01T1:00",
            "2020-01-01T24:00",
            "2020-01-01T00:60",
            "2020-01-01T00:00:61Z",
            "2020-01-01T00:00:00.Z",
            "2020-01-01T00:00:00+010",
            "2020-01-01T00:00:00+01:",
            "2020-01-01T00:00:00+1",
            "2020-01-01T00:00:00+2400",
            "2020-01-01T00:00:00 ",
            "2020-01-01T00:00:00  +01",
            "2020-01-01T00:00:00+24:00",
            "2020-01-01T00:00:00ZZ",
            "2020-01-01Z",
            " 2020-01-01",
            "2020-01-01 ",
            "+020-01-01",
            "éé-01-01",
            "2020-01-0é",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn days_follow_each_other(year in 0i64..9_999, month in 1i64..13, day in 1i64..32) {
            let day = day.min(days_of(year, month));
            let (next_year, next_month, next_day) = match (month, day == days_of(year, month)) {
                (12, true) => (year + 1, 1, 1),
                (_, true) => (year, month + 1, 1),
                (_, false) => (year, month, day + 1),
            };
            let next = days_since_1970(next_year, next_month, next_day);
            prop_assert_eq!(days_since_1970(year, month, day) + 1, next);
        }

        #[test]
        fn any_string_is_read_or_not(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}.{0,12}|.{0,30}") {
            let _ = Timestamp::parse(&text);
        }
    }
}
