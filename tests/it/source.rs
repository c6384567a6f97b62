//! Finds the functions of `src/` that make an error or a breach.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::fixtures;

/// For each kind, such as `ErrorKind::Truncated`, the functions that make it, such as
/// `src/packet/connect.rs: ConnectFlags::check`. Test modules, patterns and comparisons do not count,
/// nor does `src/conversions.rs`, which sees no packets.
pub fn makers_of_kinds() -> BTreeMap<String, BTreeSet<String>> {
    let mut makers = BTreeMap::<String, BTreeSet<String>>::new();
    for path in files() {
        let name = path.strip_prefix(fixtures::root()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        for (kind, function) in kinds_made(&text) {
            let place = format!("{}: {function}", name.to_str().unwrap());
            makers.entry(kind).or_default().insert(place);
        }
    }
    makers
}

fn files() -> Vec<PathBuf> {
    let mut folders = vec![fixtures::root().join("src")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs")
                && !path.ends_with("src/conversions.rs")
            {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The kinds that a file makes, each with the function that makes it.
fn kinds_made(text: &str) -> Vec<(String, String)> {
    let code = without_comments_and_literals(text);
    let code = code.split("#[cfg(test)]\nmod ").next().unwrap();
    let mut made = Vec::new();
    let mut scopes = Vec::new();
    let mut header = 0;
    for (at, character) in code.char_indices() {
        match character {
            '{' => {
                scopes.push(Scope {
                    opened_at: at,
                    name: name_of(&code[header..at]),
                });
                header = at + 1;
            }
            '(' | '[' => scopes.push(Scope {
                opened_at: at,
                name: None,
            }),
            ')' | ']' => drop(scopes.pop()),
            '}' => {
                scopes.pop();
                header = at + 1;
            }
            ';' if is_in_braces(code, &scopes) => header = at + 1,
            _ => {
                let Some(kind) = kind_at(code, at) else {
                    continue;
                };
                if is_made(code, at, &scopes) {
                    let names = scopes.iter().filter_map(|scope| scope.name.clone());
                    let names: Vec<_> = names.chain(name_of(&code[header..at])).collect();
                    made.push((kind, names.join("::")));
                }
            }
        }
    }
    made
}

/// An open bracket, with the name of the `impl`, function or constant that it belongs to.
#[derive(Clone)]
struct Scope {
    opened_at: usize,
    name: Option<String>,
}

fn is_in_braces(code: &str, scopes: &[Scope]) -> bool {
    let last = scopes.last();
    last.is_none_or(|scope| code[scope.opened_at..].starts_with('{'))
}

/// The name in the head of an item: `fn NAME`, `impl NAME`, `impl TRAIT for NAME`, `const NAME`.
fn name_of(head: &str) -> Option<String> {
    let identifier = |text: &str| {
        let text = text.trim_start_matches(['&', ' ']);
        let end = text.find(|it: char| !is_identifier(it));
        let name = &text[..end.unwrap_or(text.len())];
        (!name.is_empty()).then(|| name.to_owned())
    };
    let after = |word: &str| {
        let mut places = head.match_indices(word).map(|(place, _)| place);
        let place = places.find(|&place| !head[..place].ends_with(is_identifier))?;
        Some(&head[place + word.len()..])
    };
    if let Some(rest) = after("impl").filter(|_| after("fn ").is_none()) {
        let of_trait = rest.split(" for ").nth(1);
        let generics = rest.starts_with('<').then(|| rest.split_once("> "));
        return identifier(
            of_trait
                .or(generics.flatten().map(|(_, it)| it))
                .unwrap_or(rest),
        );
    }
    let mut words = ["fn ", "macro_rules! ", "const ", "static "].into_iter();
    words.find_map(after).and_then(identifier)
}

/// The kind whose path begins here. `K` is short for `BreachKind` in the monitor.
fn kind_at(code: &str, at: usize) -> Option<String> {
    if code[..at].ends_with(is_identifier) {
        return None;
    }
    let paths = [
        ("ErrorKind::", "ErrorKind"),
        ("BreachKind::", "BreachKind"),
        ("K::", "BreachKind"),
    ];
    paths.into_iter().find_map(|(path, kind)| {
        let rest = code[at..].strip_prefix(path)?;
        let end = rest.find(|it| !is_identifier(it)).unwrap_or(rest.len());
        let is_variant = rest[..end].contains(|it: char| it.is_ascii_lowercase());
        let is_variant = is_variant && rest.starts_with(|it: char| it.is_ascii_uppercase());
        is_variant.then(|| format!("{kind}::{}", &rest[..end]))
    })
}

/// Whether the path at this place is a value that goes on, and neither a pattern nor compared with something.
fn is_made(code: &str, at: usize, scopes: &[Scope]) -> bool {
    let before = code[..at].trim_end();
    let is_compared = before.ends_with("==") || before.ends_with("!=");
    let is_matched = scopes
        .iter()
        .any(|scope| code[..scope.opened_at].ends_with("matches!"));
    if is_compared || is_matched {
        return false;
    }
    let mut scopes = scopes.to_vec();
    for (place, character) in code[at..].char_indices() {
        let rest = &code[at + place..];
        match character {
            // the head of an arm, `let PATTERN =`, or a comparison
            '=' => return false,
            '!' if rest.starts_with("!=") => return false,
            '(' | '[' => scopes.push(Scope {
                opened_at: at + place,
                name: None,
            }),
            ')' | ']' => drop(scopes.pop()),
            '{' | '}' | ';' => return true,
            ',' if is_in_braces(code, &scopes) => return true,
            _ => {}
        }
    }
    true
}

fn is_identifier(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The text with a space for each character of comments, strings and character literals.
fn without_comments_and_literals(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let literal = literal_len(rest, &code);
        let (taken, left) = rest.split_at(literal.unwrap_or(character.len_utf8()));
        match literal {
            Some(_) => code.extend(taken.chars().map(|it| if it == '\n' { it } else { ' ' })),
            None => code.push_str(taken),
        }
        rest = left;
    }
    code
}

/// The length of the comment or literal that begins here.
fn literal_len(text: &str, before: &str) -> Option<usize> {
    let end = |begin: usize, mark: &str| {
        let rest = &text[begin..];
        Some(
            rest.find(mark)
                .map_or(text.len(), |it| begin + it + mark.len()),
        )
    };
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return end(2, "*/");
    }
    if !before.ends_with(is_identifier) {
        for (begin, mark) in [
            ("r\"", "\""),
            ("br\"", "\""),
            ("r#\"", "\"#"),
            ("br#\"", "\"#"),
        ] {
            if text.starts_with(begin) {
                return end(begin.len(), mark);
            }
        }
    }
    let quote = text.chars().next().filter(|it| ['"', '\''].contains(it))?;
    let mut characters = text.char_indices().skip(1);
    if quote == '\'' {
        // a lifetime has no second quote
        let mut ahead = text.chars().skip(1);
        let is_escaped = ahead.next() == Some('\\');
        if !is_escaped && ahead.next() != Some('\'') {
            return None;
        }
    }
    while let Some((place, character)) = characters.next() {
        if character == '\\' {
            characters.next();
        } else if character == quote {
            return Some(place + 1);
        }
    }
    Some(text.len())
}

#[cfg(test)]
mod tests {
    use super::kinds_made;

    #[test]
    fn only_values_that_go_on_are_made() {
        let text = r##"
            impl<'a> Parse for Flags<'a> {
                // ErrorKind::Comment
                fn check(&self, room: [u8; 4]) -> Result<(), ErrorKind> {
                    let text = "ErrorKind::Text {";
                    if kind == ErrorKind::Compared || matches!(kind, ErrorKind::Matched | ErrorKind::Alike) {
                        return Err(ErrorKind::Returned);
                    }
                    if let Err(ErrorKind::Bound) = self.run('{') {}
                    match self {
                        Err((ErrorKind::Pattern, _)) if self.waives(it) => Err((ErrorKind::Arm, 1)),
                        K::Left
                        | K::Right => breach(K::Last),
                    }
                }
            }
            const TABLE: [Kind; 1] = [ErrorKind::Listed];
            #[cfg(test)]
            mod tests {}
        "##;
        let made = kinds_made(text);
        let made: Vec<_> = made
            .iter()
            .map(|(kind, name)| (&kind[..], &name[..]))
            .collect();
        assert_eq!(
            made,
            [
                ("ErrorKind::Returned", "Flags::check"),
                ("ErrorKind::Arm", "Flags::check"),
                ("BreachKind::Last", "Flags::check"),
                ("ErrorKind::Listed", "TABLE"),
            ]
        );
    }
}
