//! Topic names, topic filters and shared subscriptions.

#[cfg(feature = "alloc")]
mod buf;

#[cfg(feature = "alloc")]
pub use self::buf::{TopicFilterBuf, TopicNameBuf};
use crate::data::{Utf8Str, text_traits};
use crate::dialect::Version;
use crate::error::{ErrorKind, Field, ParseFault, fault};
use crate::wire::read::{self, Parsed};
use crate::wire::text::{
    self, BadText, MAX_FIELD, check_text_slowly, find_bad_text, find_wildcard, is_plain, is_valid,
    is_valid_str,
};

/// A Topic Name: text of at least one character without wildcards.
///
/// MQTT-4.7.1-1, MQTT-4.7.3-1 and MQTT-4.7.3-2 of 3.1.1; MQTT-4.7.0-1, MQTT-4.7.3-1 and
/// MQTT-4.7.3-2 of 5.0.
///
/// ```
/// use mqtt_wire::{ErrorKind, TopicName};
///
/// let topic = TopicName::new("sport/tennis").unwrap();
/// assert_eq!(topic, "sport/tennis");
/// assert_eq!(topic.levels().count(), 2);
/// assert_eq!(TopicName::new("sport/#"), Err(ErrorKind::WildcardInTopicName));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName<'a>(&'a [u8]);

impl<'a> TopicName<'a> {
    /// Creates a topic name; checks that `name` is valid.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::EmptyTopicName`], [`ErrorKind::WildcardInTopicName`],
    /// [`ErrorKind::NullCharacter`] or [`ErrorKind::FieldTooLong`].
    pub const fn new(name: &'a str) -> Result<Self, ErrorKind> {
        let bytes = name.as_bytes();
        if bytes.len() > MAX_FIELD {
            return Err(ErrorKind::FieldTooLong);
        }
        if bytes.is_empty() {
            return Err(ErrorKind::EmptyTopicName);
        }
        if is_plain::<true>(bytes) {
            return Ok(Self(bytes));
        }
        match check_str(name) {
            Ok(()) => Ok(Self(bytes)),
            Err(kind) => Err(kind),
        }
    }

    /// The levels of the name, separated by `/`. There is at least one; a level may be empty.
    pub fn levels(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.0.split(|&byte| byte == b'/')
    }

    /// Parses a topic name that must not be empty.
    #[inline]
    pub(crate) fn parse<E: ParseFault<'a>>(input: &'a [u8], field: Field) -> Parsed<'a, Self, E> {
        match Self::parse_or_empty(input, field)? {
            (rest, Some(name)) => Ok((rest, name)),
            (_, None) => fault(input, ErrorKind::EmptyTopicName, field, 0),
        }
    }

    /// Parses a topic name; `None` if it is empty.
    #[inline]
    pub(crate) fn parse_or_empty<E: ParseFault<'a>>(
        input: &'a [u8],
        field: Field,
    ) -> Parsed<'a, Option<Self>, E> {
        let (rest, bytes) = read::text(input, field, check_name)?;
        Ok((rest, (!bytes.is_empty()).then_some(Self(bytes))))
    }
}

text_traits!(TopicName);

/// A Topic Filter: text of at least one character, in which the wildcard `+` is a whole level and
/// `#` is the whole last level.
///
/// MQTT-4.7.1-2, MQTT-4.7.1-3 and MQTT-4.7.3-1 of 3.1.1; MQTT-4.7.1-1, MQTT-4.7.1-2 and
/// MQTT-4.7.3-1 of 5.0.
///
/// ```
/// use mqtt_wire::{ErrorKind, TopicFilter};
///
/// let filter = TopicFilter::new("$share/group/sport/+").unwrap();
/// let shared = filter.shared().unwrap();
/// assert_eq!((shared.name.as_str(), shared.filter.as_str()), ("group", "sport/+"));
/// assert_eq!(TopicFilter::new("sport#"), Err(ErrorKind::MultiLevelWildcard));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicFilter<'a>(&'a [u8]);

impl<'a> TopicFilter<'a> {
    /// Creates a topic filter; checks that `filter` is valid.
    ///
    /// A filter that begins with `$share/` must be a well-formed shared subscription only in 5.0.
    /// That is checked when a packet is decoded or encoded in 5.0.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::EmptyTopicFilter`], [`ErrorKind::MultiLevelWildcard`],
    /// [`ErrorKind::SingleLevelWildcard`], [`ErrorKind::NullCharacter`] or
    /// [`ErrorKind::FieldTooLong`].
    pub const fn new(filter: &'a str) -> Result<Self, ErrorKind> {
        let bytes = filter.as_bytes();
        if bytes.len() > MAX_FIELD {
            return Err(ErrorKind::FieldTooLong);
        }
        if is_plain_filter(bytes) {
            return Ok(Self(bytes));
        }
        if bytes.is_empty() {
            return Err(ErrorKind::EmptyTopicFilter);
        }
        if !is_valid_str::<false>(filter) {
            return Err(ErrorKind::NullCharacter);
        }
        match check_wildcards(bytes) {
            Ok(()) => Ok(Self(bytes)),
            Err(bad) => Err(bad.kind),
        }
    }

    /// The levels of the filter, separated by `/`.
    pub fn levels(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.0.split(|&byte| byte == b'/')
    }

    /// Whether the filter holds `+` or `#`.
    #[must_use]
    pub fn has_wildcard(&self) -> bool {
        find_wildcard(self.0).is_some()
    }

    /// The two parts of a shared subscription; `None` if the filter does not begin with `$share/`
    /// or is not well-formed. Only for 5.0: earlier versions give `$share/` no meaning.
    #[must_use]
    pub fn shared(&self) -> Option<SharedSubscription<'a>> {
        split_share(self.0).ok()?
    }

    /// Whether the filter matches a topic name.
    ///
    /// `+` matches one level, which may be empty. `#` matches all remaining levels, also none:
    /// `sport/#` matches `sport` too. Neither matches a first level that begins with `$`
    /// (MQTT-4.7.2-1 of 3.1.1 and 5.0; 3.1 has no such rule, but its servers do the same). Names
    /// are compared byte by byte, so case matters (MQTT-4.7.3-4 of 3.1.1 and 5.0).
    ///
    /// A well-formed [shared subscription](Self::shared) matches if the filter inside it does
    /// (5.0, section 4.8.2; servers with shared subscriptions in 3.1.1 do the same). Any other
    /// filter that begins with `$share/` is compared as a plain filter.
    ///
    /// Takes time in proportion to the shorter text; neither recurses nor allocates.
    ///
    /// ```
    /// use mqtt_wire::{TopicFilter, TopicName};
    ///
    /// let topic = TopicName::new("sport/tennis").unwrap();
    /// for filter in ["sport/tennis", "sport/+", "+/+", "#", "sport/tennis/#", "$share/g/sport/#"] {
    ///     assert!(TopicFilter::new(filter).unwrap().matches(topic));
    /// }
    /// for filter in ["sport", "+", "sport/tennis/+", "Sport/tennis"] {
    ///     assert!(!TopicFilter::new(filter).unwrap().matches(topic));
    /// }
    /// let topic = TopicName::new("$SYS/uptime").unwrap();
    /// assert!(!TopicFilter::new("#").unwrap().matches(topic));
    /// assert!(TopicFilter::new("$SYS/#").unwrap().matches(topic));
    /// ```
    #[must_use]
    pub fn matches(&self, topic: TopicName<'_>) -> bool {
        let filter = self.shared().map_or(*self, |shared| shared.filter);
        let begins_with_wildcard = matches!(filter.0, [b'+' | b'#', ..]);
        if begins_with_wildcard && topic.0.starts_with(b"$") {
            return false;
        }
        let mut names = topic.levels();
        for level in filter.levels() {
            match (level, names.next()) {
                (b"#", _) => return true,
                (b"+", Some(_)) => {}
                (level, Some(name)) if level == name => {}
                _ => return false,
            }
        }
        names.next().is_none()
    }

    /// Parses a filter. Only 5.0 has a grammar for shared subscriptions.
    #[inline(always)]
    pub(crate) fn parse<E: ParseFault<'a>>(
        input: &'a [u8],
        version: Version,
    ) -> Parsed<'a, Self, E> {
        let check = |bytes: &[u8]| {
            let may_be_shared = version == Version::V5 && bytes.starts_with(SHARE);
            if is_plain_filter(bytes) && !may_be_shared {
                return Ok(());
            }
            check_filter_in(version, bytes)
        };
        let (rest, bytes) = read::text(input, Field::TopicFilter, check)?;
        Ok((rest, Self(bytes)))
    }

    /// Reads a filter that was checked before.
    #[inline]
    pub(crate) fn read_checked(input: &'a [u8]) -> Option<(&'a [u8], Self)> {
        let (rest, bytes) = read::prefixed::<()>(input, Field::TopicFilter).ok()?;
        Some((rest, Self::trusted(bytes)))
    }

    /// Checks the grammar of shared subscriptions.
    pub(crate) fn check_share(&self) -> Result<(), ErrorKind> {
        check_share(self.0).map_err(|bad| bad.kind)
    }

    /// Whether the filter is a shared subscription in 5.0, well-formed or not.
    #[inline]
    pub(crate) fn is_shared(&self) -> bool {
        self.0.starts_with(SHARE)
    }
}

text_traits!(TopicFilter);

/// The parts of `$share/name/filter` (5.0, section 4.8.2).
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SharedSubscription<'a> {
    /// The Share Name: the name of the group of subscribers.
    pub name: Utf8Str<'a>,
    /// The filter to match topic names against.
    pub filter: TopicFilter<'a>,
}

const SHARE: &[u8] = b"$share/";

#[inline]
pub(crate) fn check_topic_name(bytes: &[u8]) -> Result<(), BadText> {
    if bytes.is_empty() {
        return Err(BadText {
            kind: ErrorKind::EmptyTopicName,
            at: 0,
        });
    }
    check_name(bytes)
}

/// Checks everything except that the name is not empty.
#[inline]
fn check_name(bytes: &[u8]) -> Result<(), BadText> {
    if is_plain::<true>(bytes) {
        return Ok(());
    }
    check_name_slowly(bytes)
}

#[cold]
fn check_name_slowly(bytes: &[u8]) -> Result<(), BadText> {
    if is_valid::<true>(bytes) {
        return Ok(());
    }
    find_bad_text(bytes)?;
    match find_wildcard(bytes) {
        None => Ok(()),
        Some(at) => Err(BadText {
            kind: ErrorKind::WildcardInTopicName,
            at,
        }),
    }
}

/// Checks the name of a string that is not plain ASCII.
#[cold]
const fn check_str(name: &str) -> Result<(), ErrorKind> {
    if is_valid_str::<true>(name) {
        Ok(())
    } else if is_valid_str::<false>(name) {
        Err(ErrorKind::WildcardInTopicName)
    } else {
        Err(ErrorKind::NullCharacter)
    }
}

#[inline]
pub(crate) fn check_filter(bytes: &[u8]) -> Result<(), BadText> {
    if is_plain_filter(bytes) {
        return Ok(());
    }
    check_filter_slowly(bytes)
}

/// Whether `bytes` are at least one, all ASCII without U+0000, and all wildcards fill their levels.
/// Checks eight bytes at a time. Other filters may still be valid.
const fn is_plain_filter(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some((chunk, after)) = rest.split_first_chunk() {
        if !is_plain_word(u64::from_le_bytes(*chunk), bytes, bytes.len() - rest.len()) {
            return false;
        }
        rest = after;
    }
    match bytes.last_chunk() {
        Some(last) => {
            let word = u64::from_le_bytes(*last);
            is_plain_word(word, bytes, bytes.len() - last.len())
        }
        None => !bytes.is_empty() && is_plain_word(text::short_word(bytes), bytes, 0),
    }
}

/// Checks a word of a filter, whose bytes begin at `at`.
#[inline]
const fn is_plain_word(word: u64, filter: &[u8], at: usize) -> bool {
    if !text::is_plain_word(word) {
        return false;
    }
    let mut wildcards = text::wildcards_in_ascii(word);
    while wildcards != 0 {
        if !fills_level(filter, at + wildcards.trailing_zeros() as usize / 8) {
            return false;
        }
        wildcards &= wildcards - 1;
    }
    true
}

/// Whether the wildcard at `at` is a whole level, and for `#` the last one.
#[inline]
const fn fills_level(bytes: &[u8], at: usize) -> bool {
    let Some((before, after)) = bytes.split_at_checked(at) else {
        return false;
    };
    matches!(before, [] | [.., b'/']) && matches!(after, [_] | [b'+', b'/', ..])
}

fn check_filter_slowly(bytes: &[u8]) -> Result<(), BadText> {
    if bytes.is_empty() {
        return Err(BadText {
            kind: ErrorKind::EmptyTopicFilter,
            at: 0,
        });
    }
    check_text_slowly(bytes)?;
    check_wildcards(bytes)
}

/// Checks that all wildcards fill their levels.
const fn check_wildcards(bytes: &[u8]) -> Result<(), BadText> {
    let mut rest = bytes;
    while let Some(place) = find_wildcard(rest) {
        let at = bytes.len() - rest.len() + place;
        let Some((before, [wildcard, after @ ..])) = bytes.split_at_checked(at) else {
            break;
        };
        let begins_level = matches!(before, [] | [.., b'/']);
        let kind = match (wildcard, after) {
            (b'#', []) | (b'+', [] | [b'/', ..]) if begins_level => {
                rest = after;
                continue;
            }
            (b'#', _) => ErrorKind::MultiLevelWildcard,
            _ => ErrorKind::SingleLevelWildcard,
        };
        return Err(BadText { kind, at });
    }
    Ok(())
}

/// Checks a filter. In 5.0 shared subscriptions have a grammar.
#[inline(never)]
fn check_filter_in(version: Version, bytes: &[u8]) -> Result<(), BadText> {
    use ErrorKind::{MultiLevelWildcard, SingleLevelWildcard};
    let checked = check_filter(bytes);
    match checked {
        _ if version != Version::V5 => checked,
        Ok(()) => check_share(bytes),
        // a fault in the share name is the more exact one
        Err(bad) if matches!(bad.kind, MultiLevelWildcard | SingleLevelWildcard) => {
            check_share(bytes).and(checked)
        }
        Err(_) => checked,
    }
}

#[inline]
fn check_share(bytes: &[u8]) -> Result<(), BadText> {
    if bytes.starts_with(SHARE) {
        split_share(bytes).map(|_| ())
    } else {
        Ok(())
    }
}

/// The parts of a filter whose text was checked; `None` if it is no shared subscription. Wildcards
/// behind the share name are not checked. Out of line, because in the loop that encodes filters it
/// costs 20 instructions for each.
#[inline(never)]
fn split_share(bytes: &[u8]) -> Result<Option<SharedSubscription<'_>>, BadText> {
    let Some(rest) = bytes.strip_prefix(SHARE) else {
        return Ok(None);
    };
    let bad = |kind, at| Err(BadText { kind, at });
    let name_len = rest.iter().position(|&byte| byte == b'/');
    let name_len = name_len.unwrap_or(rest.len());
    let (name, rest) = rest.split_at_checked(name_len).unwrap_or_default();
    if name.is_empty() {
        return bad(ErrorKind::EmptyShareName, SHARE.len());
    }
    if let Some(at) = find_wildcard(name) {
        return bad(ErrorKind::SharedSubscription, SHARE.len() + at);
    }
    match rest.split_first() {
        Some((_, filter)) if !filter.is_empty() => Ok(Some(SharedSubscription {
            name: Utf8Str::trusted(name),
            filter: TopicFilter(filter),
        })),
        _ => bad(ErrorKind::SharedSubscription, bytes.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_names_have_no_wildcards() {
        assert!(TopicName::new("/").is_ok());
        assert!(TopicName::new("$SYS/é").is_ok());
        for name in ["+", "a/#", "é#", "a long topic name with a + in it"] {
            assert_eq!(TopicName::new(name), Err(ErrorKind::WildcardInTopicName));
        }
        assert_eq!(TopicName::new(""), Err(ErrorKind::EmptyTopicName));
        assert_eq!(TopicName::new("a\0"), Err(ErrorKind::NullCharacter));
    }

    #[test]
    fn slashes_separate_levels() {
        for (text, levels) in [
            ("a", &["a"][..]),
            ("/", &["", ""]),
            ("a//é", &["a", "", "é"]),
        ] {
            let name = TopicName::new(text).unwrap();
            assert!(
                name.levels()
                    .eq(levels.iter().map(|level| level.as_bytes()))
            );
            let filter = TopicFilter::new(text).unwrap();
            assert!(
                filter
                    .levels()
                    .eq(levels.iter().map(|level| level.as_bytes()))
            );
        }
    }

    #[test]
    fn wildcards_fill_their_level() {
        for filter in [
            "#", "+", "a/#", "+/+/#", "/+", "+/", "a/+/b", "é/+", "$share", "a//b",
        ] {
            assert!(TopicFilter::new(filter).is_ok(), "{filter}");
        }
        for filter in ["a#", "#/", "#/a", "a/#b", "##", "a/b#", "é#"] {
            assert_eq!(
                TopicFilter::new(filter),
                Err(ErrorKind::MultiLevelWildcard),
                "{filter}"
            );
        }
        for filter in ["a+", "+a", "a/+b/c", "++", "é+"] {
            assert_eq!(
                TopicFilter::new(filter),
                Err(ErrorKind::SingleLevelWildcard),
                "{filter}"
            );
        }
    }

    #[test]
    fn the_fast_filter_check_agrees_with_the_slow_one() {
        // all filters of up to nine bytes from four characters
        for number in 0..1 << 18 {
            let filter: [u8; 9] = core::array::from_fn(|place| b"a/+#"[number >> (2 * place) & 3]);
            for length in 0..=filter.len() {
                let filter = &filter[..length];
                // each filter once
                if number >> (2 * length) != 0 {
                    continue;
                }
                let is_filter = check_filter_slowly(filter).is_ok();
                assert_eq!(is_plain_filter(filter), is_filter, "{filter:?}");
            }
        }
        // every byte value at every position for every length up to 20, between slashes
        for length in 1..=20 {
            for place in 0..length {
                for value in 0..=255 {
                    let mut filter = [b'/'; 20];
                    filter[place] = value;
                    let filter = &filter[..length];
                    let ascii = value != 0 && value < 0x80;
                    let is_filter = ascii && (value != b'#' || place + 1 == length);
                    assert_eq!(is_plain_filter(filter), is_filter, "{filter:?}");
                    assert_eq!(check_filter(filter).is_ok(), is_filter, "{filter:?}");
                }
            }
        }
    }

    #[test]
    fn in_5_0_a_fault_in_the_share_name_comes_before_one_in_the_filter() {
        use ErrorKind::{
            EmptyShareName, MultiLevelWildcard, NullCharacter, SharedSubscription,
            SingleLevelWildcard,
        };
        let check = |version, filter: &str| {
            let result = check_filter_in(version, filter.as_bytes());
            result.map_err(|bad| (bad.kind, bad.at)).unwrap_err()
        };
        for (filter, v3_1_1, v5) in [
            (
                "$share/#/a",
                (MultiLevelWildcard, 7),
                (SharedSubscription, 7),
            ),
            (
                "$share/g#/a",
                (MultiLevelWildcard, 8),
                (SharedSubscription, 8),
            ),
            (
                "$share/g+/a",
                (SingleLevelWildcard, 8),
                (SharedSubscription, 8),
            ),
            (
                "$share/g+",
                (SingleLevelWildcard, 8),
                (SharedSubscription, 8),
            ),
            (
                "$share/+/#/a",
                (MultiLevelWildcard, 9),
                (SharedSubscription, 7),
            ),
            ("$share//#/a", (MultiLevelWildcard, 8), (EmptyShareName, 7)),
            (
                "$share/g/#/a",
                (MultiLevelWildcard, 9),
                (MultiLevelWildcard, 9),
            ),
            (
                "$share/g/a+",
                (SingleLevelWildcard, 10),
                (SingleLevelWildcard, 10),
            ),
            ("$share/#\0/a", (NullCharacter, 8), (NullCharacter, 8)),
        ] {
            assert_eq!(check(Version::V3_1_1, filter), v3_1_1, "{filter}");
            assert_eq!(check(Version::V5, filter), v5, "{filter}");
        }
    }

    #[test]
    fn shared_subscriptions_have_a_name_and_a_filter() {
        let share = |filter| TopicFilter::new(filter).unwrap().check_share();
        for filter in [
            "$share",
            "$shared/x",
            "$share/g//a",
            "$share/g/$share/h/a",
            "$share/g/#",
        ] {
            assert_eq!(share(filter), Ok(()), "{filter}");
        }
        assert_eq!(share("$share//a"), Err(ErrorKind::EmptyShareName));
        for filter in ["$share/g", "$share/g/", "$share/+/a"] {
            assert_eq!(
                share(filter),
                Err(ErrorKind::SharedSubscription),
                "{filter}"
            );
        }
        let shared = TopicFilter::new("$share/g//a").unwrap().shared().unwrap();
        assert_eq!((shared.name.as_str(), shared.filter.as_str()), ("g", "/a"));
    }
}
