//! Lists the vectors, so that the crate contains them: `(path, text)`, ordered by path.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let mut list = String::from("&[\n");
    for packet in entries(&root)? {
        for verdict in ["valid", "invalid"] {
            let folder = packet.join(verdict);
            if !folder.is_dir() {
                continue;
            }
            println!("cargo::rerun-if-changed={}", folder.display());
            for path in entries(&folder)? {
                let name: Vec<_> = path.strip_prefix(&root).unwrap_or(&path).iter().collect();
                let name = name.join("/".as_ref());
                list += &format!("({name:?}, include_str!({path:?})),\n");
            }
        }
    }
    list.push(']');
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    fs::write(out.join("vectors.rs"), list)
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths = entries.collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
