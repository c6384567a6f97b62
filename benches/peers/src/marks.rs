//! Parts of pages between marks. A program writes them; the rest of the pages is written by hand.
//! `rumqttc-port` shares this file.

use std::error::Error;
use std::fs;
use std::path::Path;

/// The folder of the workspace.
pub const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Replaces the text between the marks of each name.
pub fn update(path: &Path, parts: &[(String, String)]) -> Result<(), Box<dyn Error>> {
    let mut page = fs::read_to_string(path)?;
    for (name, text) in parts {
        let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
        let marks = page.find(&begin).zip(page.find(&end));
        let Some((at, end)) = marks.filter(|(begin, end)| begin < end) else {
            return Err(format!("{} has no place for {name}", path.display()).into());
        };
        page.replace_range(at + begin.len()..end, &format!("\n{}\n\n", text.trim_end()));
    }
    fs::write(path, page)?;
    Ok(())
}
