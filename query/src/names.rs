//! One table of names for each plain enum of a request: its `FromStr`, `Display` and list of values.

/// Gives a plain enum its names: `ALL`, `name`, `Display` and `FromStr`. They are the names of its JSON.
/// `FromStr` takes hyphens for underscores, as command lines write them.
macro_rules! names {
    ($type:ident, $what:literal, $($variant:ident = $name:literal),+ $(,)?) => {
        impl $type {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name, as in JSON.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::Error;

            fn from_str(text: &str) -> $crate::Result<Self> {
                let name = text.replace('-', "_");
                Self::ALL.iter().copied().find(|value| value.name() == name).ok_or_else(|| {
                    let known = [$($name),+].join(", ");
                    $crate::Error::invalid($what, format!("{text:?} is none of {known}"))
                })
            }
        }
    };
}

pub(crate) use names;

#[cfg(test)]
mod tests {
    use std::fmt::{Debug, Display};
    use std::str::FromStr;

    use serde::{Serialize, de::DeserializeOwned};

    use crate::fusion::{FusionKind, Normalize};
    use crate::leg::Leg;
    use crate::plan::StrategyKind;
    use crate::request::{Mode, Syntax};
    use crate::rerank::RerankKind;

    /// Checks that the names of text and of JSON are the same, and that others are refused.
    fn check<T>(all: &[T])
    where
        T: Copy
            + Debug
            + Display
            + FromStr<Err = crate::Error>
            + PartialEq
            + Serialize
            + DeserializeOwned,
    {
        for value in all {
            let name = value.to_string();
            assert_eq!(serde_json::to_string(value).expect("written"), format!("{name:?}"));
            assert_eq!(serde_json::from_str::<T>(&format!("{name:?}")).expect("read"), *value);
            assert_eq!(name.parse::<T>().as_ref(), Ok(value));
            assert_eq!(name.replace('_', "-").parse::<T>().as_ref(), Ok(value));
        }
        let error = "no such name".parse::<T>().expect_err("refused").to_string();
        assert!(error.ends_with(&format!("{}", all[all.len() - 1])), "{error}");
    }

    #[test]
    fn every_name_is_that_of_the_json() {
        check(Leg::ALL);
        check(Mode::ALL);
        check(Syntax::ALL);
        check(Normalize::ALL);
        check(FusionKind::ALL);
        check(RerankKind::ALL);
        check(StrategyKind::ALL);
        assert_eq!(
            "fast".parse::<StrategyKind>().expect_err("refused").to_string(),
            "strategy: \"fast\" is none of exact, codes, graph"
        );
    }
}
