//! Which topic names a filter matches: the examples of section 4.7, and a slow implementation of its definition.

use crate::fixtures::cases;
use mqtt_wire::{TopicFilter, TopicName};
use proptest::prelude::*;

fn matches(filter: &str, topic: &str) -> bool {
    let topic = TopicName::new(topic).unwrap();
    TopicFilter::new(filter).unwrap().matches(topic)
}

/// The examples of sections 4.7.1 to 4.7.3, which 3.1.1 and 5.0 share.
const EXAMPLES: &[(&str, &[&str], &[&str])] = &[
    (
        "sport/tennis/player1/#",
        &[
            "sport/tennis/player1",
            "sport/tennis/player1/ranking",
            "sport/tennis/player1/score/wimbledon",
        ],
        &["sport/tennis", "sport/tennis/player10"],
    ),
    ("sport/#", &["sport", "sport/"], &["sports", "a/sport"]),
    ("#", &["a", "/", "a/b/c", "/finance"], &["$SYS", "$SYS/"]),
    (
        "sport/tennis/+",
        &["sport/tennis/player1", "sport/tennis/player2"],
        &["sport/tennis/player1/ranking"],
    ),
    ("sport/+", &["sport/"], &["sport", "sport//"]),
    ("+", &["finance"], &["/finance", "$finance"]),
    ("+/tennis/#", &["a/tennis", "/tennis/b"], &["$a/tennis"]),
    ("sport/+/player1", &["sport/x/player1"], &["sport/player1"]),
    ("+/+", &["/finance"], &["finance", "a/b/c"]),
    ("/+", &["/finance"], &["finance"]),
    (
        "+/monitor/Clients",
        &["a/monitor/Clients"],
        &["$SYS/monitor/Clients"],
    ),
    ("$SYS/#", &["$SYS", "$SYS/monitor/Clients"], &["a/$SYS"]),
    (
        "$SYS/monitor/+",
        &["$SYS/monitor/Clients"],
        &["$sys/monitor/Clients"],
    ),
    (
        "ACCOUNTS",
        &["ACCOUNTS"],
        &["Accounts", "/ACCOUNTS", "ACCOUNTS/"],
    ),
    (
        "Accounts payable",
        &["Accounts payable"],
        &["Accounts%20payable"],
    ),
    ("a//b", &["a//b"], &["a/b", "a/x/b"]),
    ("+/$x", &["a/$x"], &[]),
];

#[test]
fn filters_match_as_in_the_examples() {
    for (filter, matched, unmatched) in EXAMPLES {
        for topic in *matched {
            assert!(matches(filter, topic), "{filter} {topic}");
        }
        for topic in *unmatched {
            assert!(!matches(filter, topic), "{filter} {topic}");
        }
    }
}

#[test]
fn a_filter_finds_its_wildcards() {
    for filter in [
        "#",
        "+",
        "+/a",
        "a/+",
        "a/#",
        "a/long/filter/+/a",
        "$share/g/+",
    ] {
        assert!(TopicFilter::new(filter).unwrap().has_wildcard(), "{filter}");
    }
    for filter in ["a", "/", "a/b", "*", "a/long/filter/without", "$share/g/a"] {
        assert!(
            !TopicFilter::new(filter).unwrap().has_wildcard(),
            "{filter}"
        );
    }
}

/// MQTT-4.7.2-1.
#[test]
fn a_leading_wildcard_matches_no_topic_that_begins_with_a_dollar() {
    for filter in ["#", "+", "+/#", "+/a", "$share/g/#", "$share/g/+/a"] {
        for topic in ["$", "$/a", "$SYS/a"] {
            assert!(!matches(filter, topic), "{filter} {topic}");
        }
    }
}

/// MQTT-4.7.3-4: é as one character is not e and an accent, and U+FEFF is a character.
#[test]
fn names_are_compared_without_normalization() {
    assert!(matches("caf\u{e9}", "caf\u{e9}"));
    for topic in [
        "cafe\u{301}",
        "CAF\u{c9}",
        "\u{feff}caf\u{e9}",
        "caf\u{e9} ",
    ] {
        assert!(!matches("caf\u{e9}", topic), "{topic}");
    }
}

#[test]
fn shared_subscriptions_match_by_the_filter_inside() {
    assert!(matches("$share/g/sport/#", "sport"));
    assert!(matches("$share/g//a", "/a"));
    assert!(!matches("$share/g/sport/#", "$share/g/sport"));
    // one share is taken off, not two
    assert!(matches("$share/g/$share/h/a", "$share/h/a"));
    assert!(!matches("$share/g/$share/h/a", "a"));
    // no shared subscriptions
    assert!(matches("$share/g", "$share/g"));
    assert!(matches("$share/+/a", "$share/x/a"));
    assert!(matches("$shared/g/a", "$shared/g/a"));
}

#[test]
fn the_longest_filters_and_names_match() {
    let topic = "/".repeat(65_535);
    let mut filter = "+/".repeat(32_767);
    assert!(!matches(&filter, &topic));
    filter.push('#');
    assert!(matches(&filter, &topic));
}

/// Matches as section 4.7 defines it: level by level, from the left.
fn by_definition(filter: &[&str], topic: &[&str]) -> bool {
    match (filter, topic) {
        (["#"], _) | ([], []) => true,
        (["+", filter @ ..], [_, topic @ ..]) => by_definition(filter, topic),
        ([level, filter @ ..], [name, topic @ ..]) => level == name && by_definition(filter, topic),
        _ => false,
    }
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn matching_follows_the_definition(
        share in any::<bool>(),
        filter in prop::collection::vec("[ab+]|\\$?|\\$a", 1..6),
        rest in any::<bool>(),
        topic in prop::collection::vec("[ab]|\\$?|\\$a", 1..6),
    ) {
        let mut filter: Vec<&str> = filter.iter().map(String::as_str).collect();
        if rest {
            filter.push("#");
        }
        let topic: Vec<&str> = topic.iter().map(String::as_str).collect();
        let (text, name) = (filter.join("/"), topic.join("/"));
        prop_assume!(!text.is_empty() && !name.is_empty());
        let hidden = name.starts_with('$') && text.starts_with(['+', '#']);
        let expected = !hidden && by_definition(&filter, &topic);
        let text = if share { format!("$share/g/{text}") } else { text };
        prop_assert_eq!(matches(&text, &name), expected, "{} {}", text, name);
    }
}
