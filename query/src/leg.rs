//! The legs of a search: the list of their kinds, and values kept for each.

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result, within};
use crate::limits::MAX_WINDOW;
use crate::names::names;

/// One of the ways to find rows. Lists of legs are in this order, and so are the contributions to a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Leg {
    /// BM25 over the inverted index.
    Text,
    /// Similarity of vectors.
    Vector,
}

names!(Leg, "leg", Text = "text", Vector = "vector");

impl Leg {
    /// Share of the leg in a weighted fusion: `alpha` for similarity of vectors, the rest for words.
    pub fn share(self, alpha: f64) -> f64 {
        match self {
            Self::Text => 1.0 - alpha,
            Self::Vector => alpha,
        }
    }

    /// The leg's score of a row that it does not match; `None` if there is no such score, as a row without a vector
    /// may be like the query or not.
    pub fn score_without_match(self) -> Option<f64> {
        match self {
            Self::Text => Some(0.0),
            Self::Vector => None,
        }
    }
}

/// Settings of one leg in a request.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LegOptions {
    /// Factor on the leg's contributions, from 0 up; 1 by default.
    #[serde(deserialize_with = "weight", skip_serializing_if = "is_one")]
    pub weight: f64,
    /// Hits the leg brings to the fusion, if more than the page needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidates: Option<usize>,
}

fn weight<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(LegOptions::default().weight))
}

fn is_one(weight: &f64) -> bool {
    *weight == LegOptions::default().weight
}

impl Default for LegOptions {
    fn default() -> Self {
        Self { weight: 1.0, candidates: None }
    }
}

impl LegOptions {
    /// Checks both numbers against their limits.
    pub(crate) fn check(&self, leg: Leg) -> Result<()> {
        within(&format!("legs.{leg}.candidates"), self.candidates.unwrap_or(0), MAX_WINDOW)?;
        if !self.weight.is_finite() || self.weight < 0.0 {
            let at = format!("legs.{leg}.weight");
            return Err(Error::invalid(at, "a finite number from 0 up is expected"));
        }
        Ok(())
    }
}

/// A value for each leg. As JSON it is `{"text": …, "vector": …}`; a leg with the default may be left out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PerLeg<T>([T; Leg::ALL.len()]);

impl<T> PerLeg<T> {
    /// The value of each leg, in the order of legs.
    pub fn new(value: impl FnMut(Leg) -> T) -> Self {
        let mut value = value;
        Self(std::array::from_fn(|place| value(Leg::ALL[place])))
    }

    /// Each leg with its value, in the order of legs.
    pub fn iter(&self) -> impl Iterator<Item = (Leg, &T)> {
        Leg::ALL.iter().copied().zip(&self.0)
    }

    /// Each leg with its value, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Leg, &mut T)> {
        Leg::ALL.iter().copied().zip(&mut self.0)
    }
}

impl<T: Default + PartialEq> PerLeg<T> {
    /// True if every leg has the default.
    pub(crate) fn is_default(&self) -> bool {
        self.0.iter().all(|value| *value == T::default())
    }
}

impl<T> Index<Leg> for PerLeg<T> {
    type Output = T;

    fn index(&self, leg: Leg) -> &T {
        &self.0[leg as usize]
    }
}

impl<T> IndexMut<Leg> for PerLeg<T> {
    fn index_mut(&mut self, leg: Leg) -> &mut T {
        &mut self.0[leg as usize]
    }
}

impl<T: Default + PartialEq + Serialize> Serialize for PerLeg<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().filter(|(_, value)| **value != T::default()))
    }
}

impl<'de, T: Default + Deserialize<'de>> Deserialize<'de> for PerLeg<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let mut given = BTreeMap::<Leg, T>::deserialize(deserializer)?;
        Ok(Self::new(|leg| given.remove(&leg).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_for_each_leg_is_read_by_its_name() {
        let json = r#"{"vector":{"weight":2.0},"text":{"candidates":7,"weight":null}}"#;
        let legs: PerLeg<LegOptions> = serde_json::from_str(json).expect("read");
        assert_eq!(legs[Leg::Text], LegOptions { weight: 1.0, candidates: Some(7) });
        assert_eq!(legs[Leg::Vector], LegOptions { weight: 2.0, candidates: None });
        let written = serde_json::to_string(&legs).expect("written");
        assert_eq!(written, r#"{"text":{"candidates":7},"vector":{"weight":2.0}}"#);
        assert_eq!(serde_json::to_string(&PerLeg::<LegOptions>::default()).expect("written"), "{}");
        for refused in [r#"{"txt":{}}"#, r#"{"text":{"wight":1}}"#, r#"{"text":null}"#, "[]"] {
            serde_json::from_str::<PerLeg<LegOptions>>(refused).expect_err(refused);
        }
        for (place, leg) in Leg::ALL.iter().enumerate() {
            assert_eq!(place, *leg as usize, "legs are listed in the order of their numbers");
        }
    }
}
