//! JSON as it is found in transcripts: typed where it is needed, forgiving where a field has a shape of its own.
//!
//! *Invariant:* a field of another type than expected reads as if it were absent: it does not cost the whole line.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A string; anything else reads as an empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<'a>(pub Cow<'a, str>);

impl Text<'_> {
    /// The string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A number that is not negative; anything else reads as `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count(pub Option<u64>);

/// Yes or no; anything else reads as `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flag(pub Option<bool>);

/// What is read if it has the shape of a `T`, and is `None` if not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maybe<T>(pub Option<T>);

impl<T> Default for Maybe<T> {
    fn default() -> Maybe<T> {
        Maybe(None)
    }
}

/// A string, or a row of `T`; anything else reads as an empty row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextOr<'a, T> {
    /// A string.
    Text(Cow<'a, str>),
    /// A row; elements that are no `T` are left out.
    Row(Vec<T>),
}

impl<T> Default for TextOr<'_, T> {
    fn default() -> Self {
        TextOr::Row(Vec::new())
    }
}

/// Reads what is left of an array.
fn drain_row<'de, A: SeqAccess<'de>>(mut row: A) -> Result<(), A::Error> {
    while row.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

/// Reads what is left of an object.
fn drain_object<'de, A: MapAccess<'de>>(mut object: A) -> Result<(), A::Error> {
    while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

/// The `visit_*` of shapes that are not expected: they read as the default.
macro_rules! otherwise {
    ($value:expr, bool) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($value)
        }
    };
    ($value:expr, number) => {
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok($value)
        }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok($value)
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($value)
        }
    };
    ($value:expr, text) => {
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok($value)
        }
    };
    ($value:expr, row) => {
        fn visit_seq<A: SeqAccess<'de>>(self, row: A) -> Result<Self::Value, A::Error> {
            drain_row(row)?;
            Ok($value)
        }
    };
    ($value:expr, object) => {
        fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
            drain_object(object)?;
            Ok($value)
        }
    };
    ($value:expr, null) => {
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($value)
        }
        fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
            to.write_str("anything")
        }
    };
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reads;
        impl<'de> Visitor<'de> for Reads {
            type Value = Text<'de>;
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
            otherwise!(Text::default(), bool);
            otherwise!(Text::default(), number);
            otherwise!(Text::default(), row);
            otherwise!(Text::default(), object);
            otherwise!(Text::default(), null);
        }
        from.deserialize_any(Reads)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reads;
        impl<'de> Visitor<'de> for Reads {
            type Value = Count;
            fn visit_u64<E>(self, number: u64) -> Result<Count, E> {
                Ok(Count(Some(number)))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Count, E> {
                Ok(Count(u64::try_from(number).ok()))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Count, E> {
                let whole = (0.0..9e15).contains(&number).then_some(number as u64);
                Ok(Count(whole))
            }
            otherwise!(Count(None), bool);
            otherwise!(Count(None), text);
            otherwise!(Count(None), row);
            otherwise!(Count(None), object);
            otherwise!(Count(None), null);
        }
        from.deserialize_any(Reads)
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reads;
        impl<'de> Visitor<'de> for Reads {
            type Value = Flag;
            fn visit_bool<E>(self, flag: bool) -> Result<Flag, E> {
                Ok(Flag(Some(flag)))
            }
            otherwise!(Flag(None), number);
            otherwise!(Flag(None), text);
            otherwise!(Flag(None), row);
            otherwise!(Flag(None), object);
            otherwise!(Flag(None), null);
        }
        from.deserialize_any(Reads)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // Read as it stands first: a shape that does not fit must not end the reading of what is around it.
        let raw = <&serde_json::value::RawValue>::deserialize(from)?;
        Ok(Maybe(serde_json::from_str(raw.get()).ok()))
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for TextOr<'a, T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reads<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reads<T> {
            type Value = TextOr<'de, T>;
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(TextOr::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(TextOr::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut row: A) -> Result<Self::Value, A::Error> {
                let mut found = Vec::new();
                while let Some(element) = row.next_element::<T>()? {
                    found.push(element);
                }
                Ok(TextOr::Row(found))
            }
            otherwise!(TextOr::default(), bool);
            otherwise!(TextOr::default(), number);
            otherwise!(TextOr::default(), object);
            otherwise!(TextOr::default(), null);
        }
        from.deserialize_any(Reads(std::marker::PhantomData))
    }
}

/// A moment as agents write it: `2026-11-20T09:57:19.309Z`.
pub fn moment(text: &str) -> Option<crate::units::Millis> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    Some(crate::units::Millis(moment.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Debug, Default, PartialEq)]
    #[serde(default)]
    struct Record<'a> {
        #[serde(borrow)]
        name: Text<'a>,
        size: Count,
        done: Flag,
        #[serde(borrow)]
        content: TextOr<'a, Text<'a>>,
    }

    #[test]
    fn a_field_of_another_type_reads_as_absent() {
        for odd in ["null", "1.5", "-3", "true", "{\"a\":[1,{}]}", "[[],{}]", "\"x\\n\""] {
            let line =
                format!("{{\"name\":{odd},\"size\":{odd},\"done\":{odd},\"content\":{odd},\"more\":{odd}}}");
            let read: Record<'_> = serde_json::from_str(&line).unwrap();
            let string = odd.starts_with('"');
            assert_eq!(read.name.as_str(), if string { "x\n" } else { "" }, "{odd}");
            assert_eq!(read.size.0, (odd == "1.5").then_some(1), "{odd}");
            assert_eq!(read.done.0, (odd == "true").then_some(true), "{odd}");
        }
        let read: Record<'_> = serde_json::from_str("{\"content\":[\"a\",1,\"b\"]}").unwrap();
        let texts = ["a", "", "b"].map(|text| Text(text.into()));
        assert_eq!(read.content, TextOr::Row(texts.to_vec()));
    }

    #[test]
    fn moments_are_read_in_milliseconds() {
        assert_eq!(moment("1970-01-01T00:00:01.250Z"), Some(crate::units::Millis(1_250)));
        assert_eq!(moment("yesterday"), None);
    }
}
