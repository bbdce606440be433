//! Tells the crate its version, with the commit that it is built from.

#[path = "src/commit.rs"]
mod commit;

use std::path::Path;

fn main() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/commit.rs");
    println!("cargo::rerun-if-changed=commit.txt");
    println!("cargo::rerun-if-env-changed=SPENDWATCH_COMMIT");
    let version = env!("CARGO_PKG_VERSION");
    // While one works on it every commit would build everything that knows the version anew.
    if std::env::var("PROFILE").as_deref() != Ok("release") {
        println!("cargo::rustc-env=SPENDWATCH_VERSION={version}");
        return;
    }
    for path in commit::watched(package) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    let version = match commit::find(package, std::env::var("SPENDWATCH_COMMIT").ok()) {
        Some(commit) => format!("{version} ({commit})"),
        None => version.to_owned(),
    };
    println!("cargo::rustc-env=SPENDWATCH_VERSION={version}");
}
