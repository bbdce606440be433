//! Which commit the source is of. Used by the build script alone.

use std::path::{Path, PathBuf};
use std::process::Command;

/// `abc1234 2026-11-30`, or nothing.
///
/// What the builder says comes first, then what a source archive says of itself (`git archive` fills
/// `commit.txt` in), then git.
pub(crate) fn find(package: &Path, told: Option<String>) -> Option<String> {
    told.filter(|told| !told.is_empty())
        .or_else(|| {
            shortened(
                std::fs::read_to_string(package.join("commit.txt"))
                    .ok()?
                    .trim(),
            )
        })
        .or_else(|| {
            // A source archive inside of another project's checkout is not of that one's commit.
            git(package, &["ls-files", "--error-unmatch", "build.rs"])?;
            shortened(&git(package, &["log", "-1", "--format=%H %cs"])?)
        })
}

/// Files that change with the commit.
pub(crate) fn watched(package: &Path) -> Vec<PathBuf> {
    let inside = |name| git(package, &["rev-parse", "--git-path", name]);
    ["HEAD", "logs/HEAD"]
        .into_iter()
        .filter_map(inside)
        .map(|path| package.join(path))
        .filter(|path| path.is_file())
        .collect()
}

/// Seven characters of a hash, and the date.
fn shortened(commit: &str) -> Option<String> {
    let (hash, date) = commit.split_once(' ')?;
    let is_hash = hash.len() >= 40 && hash.chars().all(|digit| digit.is_ascii_hexdigit());
    is_hash.then(|| format!("{} {date}", &hash[..7]))
}

fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .output()
        .ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| said.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

    fn package() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("build.rs"), "fn main() {}").unwrap();
        folder
    }

    #[test]
    fn a_folder_without_git_has_no_commit() {
        let folder = package();
        std::fs::write(folder.path().join("commit.txt"), "$Format:%H %cs$\n").unwrap();
        assert_eq!(find(folder.path(), None), None);
        assert_eq!(find(folder.path(), Some(String::new())), None);
    }

    #[test]
    fn a_source_archive_says_its_commit() {
        let folder = package();
        let text = format!("{HASH} 2026-11-30\n");
        std::fs::write(folder.path().join("commit.txt"), text).unwrap();
        let found = find(folder.path(), None);
        assert_eq!(found.as_deref(), Some("0123456 2026-11-30"));
    }

    #[test]
    fn the_builder_knows_best() {
        let told = Some("abc1234-modified 2026-11-29".to_owned());
        let folder = package();
        assert_eq!(find(folder.path(), told.clone()), told);
    }

    #[test]
    fn git_says_the_commit_of_its_own_files_only() {
        let folder = package();
        let run = |arguments: &[&str]| git(folder.path(), arguments);
        if run(&["init", "--quiet"]).is_none() {
            return;
        }
        let commit = |message| {
            run(&[
                "-c",
                "user.name=somebody",
                "-c",
                "user.email=somebody@contoso.example",
                "commit",
                "--quiet",
                "--allow-empty",
                "--message",
                message,
            ])
        };
        commit("Begin").unwrap();
        assert_eq!(find(folder.path(), None), None);
        run(&["add", "build.rs"]).unwrap();
        commit("Build").unwrap();
        let expected = run(&["log", "-1", "--format=%h %cs", "--abbrev=7"]).unwrap();
        assert_eq!(find(folder.path(), None), Some(expected));
        assert!(!watched(folder.path()).is_empty());
    }
}
