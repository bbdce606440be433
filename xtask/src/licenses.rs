//! `THIRD-PARTY-LICENSES`: whose software is in an executable, and under which terms.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

use anyhow::{Context, ensure};

use crate::crates::Crate;

/// How names of files with licenses begin.
const BEGINNINGS: [&str; 6] = [
    "license",
    "licence",
    "copying",
    "notice",
    "copyright",
    "unlicense",
];
/// How names of other files end that begin like that.
const NOT_TEXT: [&str; 6] = [".rs", ".toml", ".json", ".py", ".sh", ".tmpl"];

/// The file for an executable that is made of these and was built for this target.
pub(crate) fn third_party(crates: &[Crate], triple: &str) -> anyhow::Result<String> {
    let mut file = String::from(
        "spendwatch contains software of others. This file names it and repeats its licenses.\n\n\
         Rust's standard library, MIT OR Apache-2.0, https://github.com/rust-lang/rust\n",
    );
    file.push_str(c_library(triple));
    // Each text once, with those that it stands for.
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for one in crates.iter().filter(|one| !one.is_ours) {
        let name = format!("{} {}", one.name, one.version);
        let license = one.license.as_deref().unwrap_or("see its text");
        let repository = one.repository.as_deref().unwrap_or("no address given");
        writeln!(file, "{name}, {license}, {repository}")?;
        for text in texts_of(one)? {
            texts.entry(text).or_default().insert(name.clone());
        }
    }
    for (text, names) in texts {
        let names: Vec<String> = names.into_iter().collect();
        write!(
            file,
            "\n{}\n{}:\n\n{text}\n",
            "=".repeat(80),
            names.join(", ")
        )?;
    }
    Ok(file)
}

fn c_library(triple: &str) -> &'static str {
    if triple.ends_with("musl") {
        "musl, MIT, https://musl.libc.org\n"
    } else {
        "The GNU C Library, LGPL-2.1-or-later, https://www.gnu.org/software/libc: linked statically unless \
         the executable was built for one machine. Who wants it with another version of that library builds \
         it from spendwatch's source with cargo xtask package.\n"
    }
}

/// The texts that a crate brings along; where it brings none, those that its license names.
fn texts_of(one: &Crate) -> anyhow::Result<BTreeSet<String>> {
    let mut texts = BTreeSet::new();
    collect(&one.folder, &mut texts)
        .with_context(|| format!("read the licenses of {}", one.name))?;
    if !texts.is_empty() {
        return Ok(texts);
    }
    let license = one.license.as_deref().unwrap_or_default();
    let license = spdx::Expression::parse_mode(license, spdx::ParseMode::LAX)
        .with_context(|| format!("{} has no license that could be told", one.name))?;
    for required in license.requirements() {
        if let Some(id) = required.req.license.id() {
            texts.insert(tidy(id.text()));
        }
    }
    ensure!(
        !texts.is_empty(),
        "no text is known of the license of {}",
        one.name
    );
    Ok(texts)
}

fn collect(folder: &Path, texts: &mut BTreeSet<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_ascii_lowercase();
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), texts)?;
        } else if BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning))
            && !NOT_TEXT.iter().any(|end| name.ends_with(end))
        {
            let text = fs::read(entry.path())?;
            texts.insert(tidy(&String::from_utf8_lossy(&text)));
        }
    }
    Ok(())
}

/// Without what makes equal texts differ: ends of lines, and space around them.
fn tidy(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, folder: &Path, license: &str) -> Crate {
        Crate {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: Some(license.to_owned()),
            description: None,
            repository: None,
            checksum: None,
            folder: folder.to_owned(),
            is_ours: false,
            uses: BTreeSet::new(),
        }
    }

    #[test]
    fn a_text_stands_once_for_all_that_bring_it() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second, bare] =
            ["first", "second", "bare"].map(|name| folder.path().join(name));
        for one in [&first, &second, &bare] {
            fs::create_dir_all(one.join("deep")).unwrap();
        }
        fs::write(first.join("LICENSE"), "Do as you like.\n").unwrap();
        fs::write(second.join("deep/license.txt"), "Do as you like.  \r\n\r\n").unwrap();
        fs::write(second.join("license.rs"), "fn main() {}").unwrap();
        let crates = [
            package("bare", &bare, "ISC"),
            package("first", &first, "MIT"),
            package("second", &second, "MIT"),
        ];
        let file = third_party(&crates, "x86_64-unknown-linux-musl").unwrap();
        assert!(
            file.contains("first 1.0.0, second 1.0.0:\n\nDo as you like.\n"),
            "{file}"
        );
        assert_eq!(file.matches("Do as you like").count(), 1);
        // The standard text of what is only named.
        assert!(
            file.contains("THE SOFTWARE IS PROVIDED \"AS IS\" AND"),
            "{file}"
        );
        assert!(!file.contains("fn main"));
        assert!(file.contains("musl, MIT") && !file.contains("GNU C Library"));
    }

    #[test]
    fn a_crate_without_a_license_stops_the_package() {
        let folder = tempfile::tempdir().unwrap();
        let crates = [package("unknown", folder.path(), "")];
        assert!(third_party(&crates, "x86_64-unknown-linux-musl").is_err());
    }
}
