//! Moments: seconds of the calendar, written as ISO 8601 without a zone.

use std::fmt;

use lexivec_query::timestamp::Timestamp;
use serde::{Serialize, Serializer};

/// Seconds of a day.
pub(crate) const DAY: i64 = 86_400;
/// Seconds from the first moment of the year 0 to that of 1970.
const BEFORE_1970: i64 = 719_528 * DAY;
/// First and last reference moment, in seconds since 1970: the years 2 and 9998, so that all dates of records, which
/// are up to a year away, are from the year 1 to 9999.
const FIRST: i64 = (366 + 365) * DAY - BEFORE_1970;
const LAST: i64 = 3_652_060 * DAY - BEFORE_1970 - 1;
/// Bytes of a moment as text.
const LEN: usize = 19;
/// Days of 400 years, after which the calendar repeats.
const DAYS_OF_ERA: i64 = 146_097;

/// Names of the months.
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A moment to the second, in UTC. Its text is `2026-11-15T20:06:06`, without a zone, as Python's `datetime.isoformat`
/// writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

impl Moment {
    /// The moment a number of seconds after the beginning of 1970 in UTC; moments outside of the years 2 to 9998 become
    /// the nearest one inside.
    #[must_use]
    pub fn from_unix(seconds: i64) -> Self {
        Self(seconds.clamp(FIRST, LAST))
    }

    /// The moment of a date or a time, as `2026-01-31` or `2026-01-31T12:00:00+01:00`; without an offset it is in UTC. A
    /// fraction of a second is left out. `None` if the text is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Timestamp::parse(text).map(|time| Self::from_unix(time.unix()))
    }

    /// Seconds since the beginning of 1970 in UTC.
    #[must_use]
    pub fn unix(self) -> i64 {
        self.0
    }

    /// The moment some seconds later, or earlier if they are negative.
    pub(crate) fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Year, month and day, each from 1 (Hinnant, `civil_from_days`, 2013): eras of 400 years that begin in March.
    fn date(self) -> (i64, usize, i64) {
        let days = (self.0 + BEFORE_1970).div_euclid(DAY) - 60;
        let (era, day) = (days.div_euclid(DAYS_OF_ERA), days.rem_euclid(DAYS_OF_ERA));
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let after_december = i64::from(month >= 10);
        let month = (month + 2) % 12 + 1;
        (year + era * 400 + after_december, month as usize, day)
    }

    /// The month, some months before this moment's, as `November 2026`.
    pub(crate) fn month_before(self, months: i64) -> String {
        let (year, month, _) = self.date();
        let count = year * 12 + month as i64 - 1 - months;
        format!("{} {}", MONTHS[count.rem_euclid(12) as usize], count.div_euclid(12))
    }

    /// The text, as bytes.
    fn text(self) -> [u8; LEN] {
        let (year, month, day) = self.date();
        let second = self.0.rem_euclid(DAY);
        let mut text = *b"0000-00-00T00:00:00";
        let parts = [
            (4, year),
            (7, month as i64),
            (10, day),
            (13, second / 3_600),
            (16, second / 60 % 60),
            (19, second % 60),
        ];
        for (end, mut number) in parts {
            for digit in text[..end].iter_mut().rev().take(if end == 4 { 4 } else { 2 }) {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        }
        text
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(str::from_utf8(&self.text()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_the_calendar_has_them() {
        // The oracle is Python: datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None).isoformat().
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00"),
            (-1, "1969-12-31T23:59:59"),
            (951_782_400, "2000-02-29T00:00:00"),
            (951_868_799, "2000-02-29T23:59:59"),
            (951_868_800, "2000-03-01T00:00:00"),
            (1_795_773_966, "2026-11-27T10:06:06"),
            (4_107_542_399, "2100-02-28T23:59:59"),
            (4_107_542_400, "2100-03-01T00:00:00"),
            (i64::MIN, "0002-01-01T00:00:00"),
            (i64::MAX, "9998-12-31T23:59:59"),
        ] {
            assert_eq!(Moment::from_unix(seconds).to_string(), text);
        }
    }

    #[test]
    fn months_are_counted_back_over_years() {
        let moment = Moment::from_unix(1_741_910_400);
        assert_eq!(moment.to_string(), "2025-03-14T00:00:00");
        let months = [0, 2, 3, 15].map(|months| moment.month_before(months));
        assert_eq!(months, ["March 2025", "January 2025", "December 2024", "December 2023"]);
    }
}
