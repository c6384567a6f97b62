//! The files of each program are layers: a file imports only from files above it in the list of
//! DESIGN.md. The list and the files have to agree, so an import circle cannot exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn files_of_the_library_import_only_from_lower_layers() {
    let design = fs::read_to_string(Path::new(ROOT).join("DESIGN.md")).unwrap();
    let sources = read_sources("src");
    assert_eq!(faults(&layers_of("src", &design), &sources), [""; 0]);
}

/// The list is in the documentation of `lib.rs`, and names modules.
#[test]
fn modules_of_the_programs_import_only_from_lower_layers() {
    for program in ["explain", "mqttspec"] {
        let sources = format!("{program}/src");
        let path = Path::new(ROOT).join(&sources).join("lib.rs");
        let documentation = fs::read_to_string(path).unwrap();
        let list = documentation.split("```").nth(1).unwrap();
        let names = list.lines().filter_map(|line| {
            let name = line.strip_prefix("//! ")?.split_whitespace().next()?;
            Some(format!("{name}.rs"))
        });
        let sources = read_sources(&sources);
        assert_eq!(
            faults(&names.collect::<Vec<_>>(), &by_module(&sources)),
            [""; 0],
            "{program}"
        );
    }
}

#[test]
fn no_program_has_an_import_circle() {
    for folder in [
        "src",
        "explain/src",
        "mqttspec/src",
        "spec-vectors/src",
        "benches/peers/src",
        "benches/port/src",
        "ci/src",
    ] {
        assert_eq!(circles(&read_sources(folder)), [""; 0], "{folder}");
    }
}

#[test]
fn only_unit_tests_and_comments_are_left_out() {
    let code = "\n#[cfg(test)]\nmod test_support;\nuse crate::a; // and\n";
    let tests = "\n#[cfg(test)]\nmod tests {\n    use crate::b;\n}\n";
    let left = without_tests(&format!("{code}{tests}"));
    assert!(left.contains("use crate::a;") && !left.contains("and") && !left.contains("b;"));
}

#[test]
fn a_planted_upward_import_is_found() {
    let layers = ["data.rs", "frame.rs", "frame/decoder.rs", "packet.rs"].map(String::from);
    let sources = |frame: &str, decoder: &str| {
        let source = |(name, text): (&str, &str)| (name.to_string(), text.to_string());
        BTreeMap::from(
            [
                ("data.rs", "use core::fmt;"),
                ("frame.rs", frame),
                ("frame/decoder.rs", decoder),
                ("packet.rs", "use crate::{data, frame::Frame};"),
            ]
            .map(source),
        )
    };
    let right = sources(
        "mod decoder;\npub use self::decoder::Decoder;",
        "use super::Frame;",
    );
    assert_eq!(faults(&layers, &right), [""; 0]);

    let planted = [
        ("use crate::packet::Packet;", ""),
        ("use crate::{data::QoS, packet::{self, Packet}};", ""),
        ("use super::packet;", ""),
        ("fn f() { crate::packet::g() }", ""),
        ("use crate::data;\nuse self::decoder::Decoder;", ""),
        ("", "use super::super::packet::Packet;"),
    ];
    for (frame, decoder) in planted {
        let found = faults(&layers, &sources(frame, decoder));
        assert_eq!(found.len(), 1, "{frame} {decoder}: {found:?}");
    }

    let mut circle = right.clone();
    circle.insert("data.rs".into(), "use crate::frame::Frame;".into());
    circle.insert("frame.rs".into(), "use crate::data::QoS;".into());
    assert!(!circles(&circle).is_empty());
    assert_eq!(circles(&right), [""; 0]);

    let mut unlisted = right.clone();
    unlisted.insert("new.rs".into(), String::new());
    assert_eq!(faults(&layers, &unlisted).len(), 1);
    let mut missing = right;
    missing.remove("data.rs");
    assert!(!faults(&layers, &missing).is_empty());
}

/// The files of a folder in the order of DESIGN.md, lowest first: the lines of its code blocks that
/// begin with a path into the folder.
fn layers_of(folder: &str, design: &str) -> Vec<String> {
    let lines = design.lines().filter_map(|line| {
        let path = line.split_whitespace().next()?;
        let name = path.strip_prefix(folder)?.strip_prefix('/')?;
        name.ends_with(".rs").then(|| name.to_string())
    });
    lines.collect()
}

/// The text of each file below a folder, without comments and without unit tests.
fn read_sources(folder: &str) -> BTreeMap<String, String> {
    let folder = &Path::new(ROOT).join(folder);
    let mut sources = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(&current).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") && !is_for_tests(&path) {
                let name = path.strip_prefix(folder).unwrap();
                let name = name.to_str().unwrap().replace('\\', "/");
                let text = fs::read_to_string(&path).unwrap();
                sources.insert(name, without_tests(&text));
            }
        }
    }
    sources
}

fn is_for_tests(path: &Path) -> bool {
    path.ends_with("tests.rs") || path.ends_with("test_support.rs")
}

/// The sources with each file put into the top module that it belongs to.
fn by_module(sources: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut modules = BTreeMap::<String, String>::new();
    for (name, text) in sources {
        let top = |name: &str| {
            format!(
                "{}.rs",
                name.trim_end_matches(".rs").split('/').next().unwrap()
            )
        };
        if matches!(name.as_str(), "lib.rs" | "main.rs") {
            continue;
        }
        let imports = imports(name, text, sources);
        let imports = imports
            .iter()
            .map(|other| top(other))
            .filter(|other| *other != top(name));
        let uses = imports.map(|other| format!("use crate::{};\n", other.trim_end_matches(".rs")));
        modules.entry(top(name)).or_default().extend(uses);
    }
    modules
}

/// The files that import from each other, directly or not.
fn circles(sources: &BTreeMap<String, String>) -> Vec<String> {
    let imports: BTreeMap<_, _> = sources
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "lib.rs" | "main.rs"))
        .map(|(name, text)| (name.clone(), imports(name, text, sources)))
        .collect();
    // remove the files that import no other, and those that no other imports, until circles are left
    let mut left = imports;
    loop {
        let names: BTreeSet<String> = left.keys().cloned().collect();
        let imported: BTreeSet<String> = left.values().flatten().cloned().collect();
        let count = left.len();
        left.retain(|name, _| imported.contains(name));
        left.retain(|_, imports| imports.iter().any(|other| names.contains(other)));
        if left.len() == count {
            return names.into_iter().collect();
        }
    }
}

fn without_tests(text: &str) -> String {
    let code = text.split("\n#[cfg(test)]\nmod tests {").next();
    let code = code.unwrap_or_default();
    let lines = code.lines();
    let lines = lines.map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// The imports that point upward, and the differences between the list and the files.
fn faults(layers: &[String], sources: &BTreeMap<String, String>) -> Vec<String> {
    let mut faults = Vec::new();
    let level = |name: &str| layers.iter().position(|layer| layer == name);
    for layer in layers {
        if !sources.contains_key(layer) {
            faults.push(format!("{layer}: listed, but there is no such file"));
        }
    }
    for (name, text) in sources {
        // the root only declares the modules and names the public items
        if matches!(name.as_str(), "lib.rs" | "main.rs") {
            continue;
        }
        let Some(own_level) = level(name) else {
            faults.push(format!("{name}: not in the list of layers"));
            continue;
        };
        let imports = imports(name, text, sources);
        let upward = imports
            .iter()
            .filter(|other| level(other) > Some(own_level));
        faults.extend(upward.map(|other| format!("{name} imports {other}")));
    }
    faults
}

/// The files that a file imports from. A parent that only re-exports names of its children does
/// not depend on them.
fn imports(name: &str, text: &str, sources: &BTreeMap<String, String>) -> Vec<String> {
    let mut found = Vec::new();
    for path in paths(text) {
        let Some(file) = resolve(name, &path, sources) else {
            continue;
        };
        if file != name && !found.contains(&file) {
            found.push(file);
        }
    }
    found
}

/// All paths that begin with `crate`, `super` or `self`, with the groups of `use` spelled out; no
/// re-exports.
fn paths(text: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for statement in text.split(';') {
        let statement = statement.trim();
        let start = statement.rfind("use ").unwrap_or(statement.len());
        let (before, import) = statement.split_at(start);
        let is_reexport = before.trim_end().ends_with("pub") || before.trim_end().ends_with(')');
        let is_use = import.starts_with("use ")
            && (before.trim().is_empty()
                || before.trim_end().ends_with([']', '{', '}', ')'])
                || is_reexport)
            && !import.contains('(');
        if !is_use {
            inline_paths(statement, &mut paths);
            continue;
        }
        inline_paths(before, &mut paths);
        let import = import["use ".len()..].trim();
        if !(is_reexport && import.starts_with("self::")) {
            expand(&[], import, &mut paths);
        }
    }
    paths
}

/// Paths in the middle of code.
fn inline_paths(code: &str, paths: &mut Vec<Vec<String>>) {
    for start in ["crate::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let is_inside_a_word = code[..at]
                .ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '$');
            if is_inside_a_word {
                continue;
            }
            let end = code[at..].find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            let path = &code[at..end.map_or(code.len(), |end| at + end)];
            let segments = path.split("::").filter(|segment| !segment.is_empty());
            paths.push(segments.map(String::from).collect());
        }
    }
}

/// Spells out `a::{b, c::{d}}`.
fn expand(prefix: &[String], tree: &str, paths: &mut Vec<Vec<String>>) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let mut path = prefix.to_vec();
        let tree = tree.split(" as ").next().unwrap_or_default();
        path.extend(tree.split("::").map(|segment| segment.trim().to_string()));
        paths.push(path);
        return;
    };
    let mut path = prefix.to_vec();
    let head = tree[..open].split("::").map(str::trim);
    path.extend(head.filter(|segment| !segment.is_empty()).map(String::from));
    let inner = &tree[open + 1..tree.rfind('}').unwrap_or(tree.len())];
    let (mut depth, mut start) = (0, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !inner[start..at].trim().is_empty() {
                    expand(&path, &inner[start..at], paths);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// The file that a path leads into, through re-exports; `None` for paths out of the crate.
fn resolve(name: &str, path: &[String], sources: &BTreeMap<String, String>) -> Option<String> {
    let own = name.trim_end_matches(".rs").trim_end_matches("/mod");
    let mut module: Vec<&str> = own.split('/').collect();
    let mut segments = path.iter().map(String::as_str).peekable();
    match segments.next()? {
        "crate" => module.clear(),
        "self" => {}
        "super" => {
            module.pop();
            while segments.next_if_eq(&"super").is_some() {
                module.pop();
            }
        }
        _ => return None,
    }
    let file = |module: &[&str]| {
        let base = module.join("/");
        let names = [format!("{base}.rs"), format!("{base}/mod.rs")];
        names.into_iter().find(|name| sources.contains_key(name))
    };
    let mut item = None;
    for segment in segments {
        module.push(segment);
        if file(&module).is_none() {
            module.pop();
            item = Some(segment);
            break;
        }
    }
    let found = file(&module)?;
    let child = item.and_then(|item| reexported_from(item, sources.get(&found)?));
    match child {
        Some(child) => {
            module.push(child);
            file(&module)
        }
        None => Some(found),
    }
}

/// The child module from which a file re-exports an item.
fn reexported_from<'t>(item: &str, text: &'t str) -> Option<&'t str> {
    text.split(';').find_map(|statement| {
        let (_, import) = statement.split_once("use self::")?;
        let (child, items) = import.split_once("::")?;
        let mut names = items.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        names.any(|name| name == item).then_some(child.trim())
    })
}
