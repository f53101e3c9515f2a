//! Documents made of serde types, and payloads read back into them.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Document;
use crate::error::{Error, Result};
use crate::schema::DEFAULT_TEXT_FIELD;

impl Document {
    /// A document whose payload is a serialisable value: every field of the struct becomes a key, to
    /// filter, to facet and to read back with [`payload_as`](Self::payload_as).
    ///
    /// A document does not know the fields of its collection, so no text is taken by itself: name the keys
    /// that are searched as text with [`text_from`](Self::text_from) and
    /// [`text_in_from`](Self::text_in_from). The payload keeps them as well; a field that should be searched
    /// and not stored twice is `#[serde(skip)]` and set with [`text`](Self::text).
    ///
    /// ```
    /// # #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
    /// # struct Paper { title: String, body: String, year: u32 }
    /// # let paper = Paper { title: "Wings".into(), body: "a wing in a slipstream".into(), year: 1958 };
    /// let document = lexivec::Document::from_serde("a", &paper)?
    ///     .text_in_from("title", "title")?
    ///     .text_from("body")?;
    /// assert_eq!(document.text["text"], "a wing in a slipstream");
    /// assert_eq!(document.payload_as::<Paper>()?, paper);
    /// # Ok::<(), lexivec::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] if the value does not serialise, or to anything but an object.
    pub fn from_serde(id: impl Into<String>, value: &impl Serialize) -> Result<Self> {
        let id = id.into();
        let refused = |detail: String| Err(Error::invalid(format!("payload of {id:?}"), detail));
        match serde_json::to_value(value) {
            Ok(Value::Object(payload)) => Ok(Self { payload, ..Self::new(id) }),
            Ok(_) => {
                refused("it does not serialise to an object; pass a struct or a map".to_owned())
            }
            Err(error) => refused(format!("it does not serialise to JSON: {error}")),
        }
    }

    /// Sets the default text field, `text`, to the string under a key of the payload.
    ///
    /// # Errors
    /// As [`text_in_from`](Self::text_in_from).
    pub fn text_from(self, key: &str) -> Result<Self> {
        self.text_in_from(DEFAULT_TEXT_FIELD, key)
    }

    /// Sets a named text field to the string under a key of the payload; a `null` there sets no text.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the payload has no such key, or neither a string nor `null` under it.
    pub fn text_in_from(self, field: impl Into<String>, key: &str) -> Result<Self> {
        let refused = |detail: String| {
            Err(Error::invalid(format!("payload key {key:?} of {:?}", self.id), detail))
        };
        match self.payload.get(key) {
            Some(Value::String(text)) => {
                let text = text.clone();
                Ok(self.text_in(field, text))
            }
            Some(Value::Null) => Ok(self),
            Some(_) => refused("it is no string; set the text with .text(…)".to_owned()),
            None => {
                let known: Vec<&String> = self.payload.keys().collect();
                refused(format!("it is not there; the payload has {known:?}"))
            }
        }
    }

    /// Reads the payload into a deserialisable type.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the payload has another shape.
    pub fn payload_as<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(&self.payload)
            .map_err(|error| Error::invalid(format!("payload of {:?}", self.id), error.to_string()))
    }
}
