//! Which commit a checkout is at.

use std::path::Path;
use std::process::Command;

/// Commit and its date, such as `abc1234 2026-11-30`; `abc1234-modified …` if files differ from it. None
/// without git: then the source archive itself may say it, see `crates/build-info`.
pub(crate) fn of(checkout: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(checkout)
            .output()
            .ok()?;
        let said = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        output.status.success().then_some(said)
    };
    // A checkout inside of another project's would be told that one's commit.
    git(&["ls-files", "--error-unmatch", "xtask/Cargo.toml"])?;
    let said = git(&["log", "-1", "--format=%H %cs"])?;
    let (hash, date) = said.split_once(' ')?;
    let modified = match git(&["status", "--porcelain", "--untracked-files=no"])?.as_str() {
        "" => "",
        _ => "-modified",
    };
    Some(format!("{}{modified} {date}", hash.get(..7)?))
}
