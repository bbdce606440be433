//! Mistakes that are made in copies of the real files: each must be found, and named.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

#[path = "../common/mod.rs"]
mod common;
mod functions;
mod pairs;
mod platform;
mod properties;
mod queries;
mod templates_and_documents;

use std::collections::BTreeSet;

use common::{facts, names, settings};
use templates::{Project, Templates, consistency};

const BICEP: &str = "infra/bicep/main.bicep";
const TERRAFORM: &str = "infra/terraform/main/main.tf";

/// Everything that is found without schema data.
fn found(project: &Project) -> BTreeSet<String> {
    let settings = settings();
    let templates = Templates::read(project);
    let mut findings = names(&templates);
    findings.extend(consistency::all(project, &templates, &facts(&settings)));
    findings.iter().map(ToString::to_string).collect()
}

/// The mistake adds a finding with all these words to those that there are without it.
#[track_caller]
fn caught(before: &BTreeSet<String>, project: &Project, words: &[&str]) {
    let missed = missed("", before, &found(project), words);
    assert_eq!(missed, None);
}

/// What is new, unless a finding with all these words is.
fn missed(
    mistake: &str,
    before: &BTreeSet<String>,
    after: &BTreeSet<String>,
    words: &[&str],
) -> Option<String> {
    let new: Vec<&String> = after.difference(before).collect();
    let has_all = |finding: &&&String| words.iter().all(|word| finding.contains(word));
    match new.iter().find(has_all) {
        Some(_) => None,
        None => Some(format!("{mistake}: no finding with {words:?} in {new:#?}")),
    }
}

/// Replaces texts, in one file or several, and expects a finding with these words.
macro_rules! mistakes {
    ($test:ident { $($name:ident: $($file:expr, $from:expr => $to:expr),+; $words:expr;)* }) => {
        #[test]
        fn $test() {
            let project = $crate::common::project();
            let before = $crate::found(&project);
            let mut missed = Vec::new();
            $({
                let mut wrong = project.clone();
                $(wrong.replace($file, $from, $to);)+
                let after = $crate::found(&wrong);
                missed.extend($crate::missed(stringify!($name), &before, &after, &$words));
            })*
            assert!(missed.is_empty(), "{}", missed.join("\n"));
        }
    };
}
pub(crate) use mistakes;
