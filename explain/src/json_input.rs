//! JSON that people write: `judge` and `encode` refuse it by name and place.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// JSON in which no object has a member twice.
pub struct UniqueMembers(pub Value);

impl<'de> Deserialize<'de> for UniqueMembers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor).map(Self)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(UniqueMembers(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!("duplicate member `{name}`")));
            }
            let UniqueMembers(value) = members.next_value()?;
            object.insert(name, value);
        }
        Ok(object.into())
    }
}

/// Describes an error of the text, with its column. The caller knows the line.
pub fn describe(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let place = format!(" at line {line} column {column}");
    let text = text.strip_suffix(&place).unwrap_or(&text);
    let prefix = if error.is_data() { "" } else { "not JSON: " };
    format!("column {column}: {prefix}{text}")
}

/// Reads the members of a value. `path` is the place of the value, and begins the place of an
/// error: `packets[1].hex: ...`.
pub fn read<T: DeserializeOwned>(json: Value, path: &str) -> Result<T, String> {
    serde_path_to_error::deserialize(json).map_err(|error| {
        let within = error.path().to_string();
        // serde speaks of fields and maps
        let message = error.into_inner().to_string();
        let message = message.replace("expected a map", "expected an object");
        let message = ["unknown", "missing", "duplicate"]
            .iter()
            .fold(message, |text, word| {
                text.replacen(&format!("{word} field `"), &format!("{word} member `"), 1)
            });
        match (path, within.as_str()) {
            ("", ".") => message,
            (path, ".") => format!("{path}: {message}"),
            ("", within) => format!("{within}: {message}"),
            (path, within) => format!("{path}.{within}: {message}"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_every_value() {
        let text = r#"{"a":[null,true,-1,18446744073709551615,1.5,"x"],"b":{"a":{}},"c":[]}"#;
        let UniqueMembers(value) = serde_json::from_str(text).unwrap();
        assert_eq!(value.to_string(), text);
    }

    #[test]
    fn refuses_a_member_that_is_there_twice() {
        let error = serde_json::from_str::<UniqueMembers>(r#"[{"a":1,"b":{"c":1,"c":2}}]"#);
        let error = error.err().unwrap();
        assert_eq!(describe(&error), "column 22: duplicate member `c`");
    }
}
