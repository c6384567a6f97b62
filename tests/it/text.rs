//! Text with characters of all lengths, valid and nearly valid, against its definition.

use crate::invariants::text::text_follows_its_definition;
use mqtt_wire::{TopicFilter, TopicName, Utf8Str};
use proptest::char::range;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

const NAME: TopicName<'static> = match TopicName::new("дом/гостиная/температура")
{
    Ok(name) => name,
    Err(_) => panic!("checked while compiling"),
};
const FILTER: TopicFilter<'static> = match TopicFilter::new("дом/+/температура/#") {
    Ok(filter) => filter,
    Err(_) => panic!("checked while compiling"),
};
const TEXT: Utf8Str<'static> = match Utf8Str::new("温度 😀") {
    Ok(text) => text,
    Err(_) => panic!("checked while compiling"),
};

#[test]
fn text_that_is_not_ascii_is_checked_while_compiling() {
    assert!(FILTER.matches(NAME));
    assert_eq!(TEXT, "温度 😀");
}

/// Up to a hundred characters, with the separators of topics among them.
fn characters() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        8 => range('\u{1}', '\u{7f}'),
        4 => Just('/'),
        1 => prop_oneof![Just('+'), Just('#'), Just('\0')],
        8 => range('\u{80}', '\u{7ff}'),
        8 => range('\u{800}', '\u{d7ff}'),
        4 => range('\u{e000}', '\u{ffff}'),
        8 => range('\u{10000}', '\u{10ffff}'),
    ];
    vec(character, 0..100).prop_map(String::from_iter)
}

proptest! {
    #[test]
    fn valid_text_follows_its_definition(text in characters()) {
        text_follows_its_definition(text.as_bytes());
    }

    #[test]
    fn nearly_valid_text_follows_its_definition(
        text in characters(),
        changes in vec((any::<Index>(), any::<u8>()), 1..3),
        end in any::<Index>(),
    ) {
        let mut text = text.into_bytes();
        text.push(b'x');
        for (place, byte) in changes {
            let place = place.index(text.len());
            text[place] = byte;
        }
        text_follows_its_definition(&text);
        text.truncate(end.index(text.len() + 1));
        text_follows_its_definition(&text);
    }
}
