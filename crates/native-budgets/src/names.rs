//! The names of budgets in Azure, and to which budget of the configuration one belongs.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::desired::{Desired, Settings};

/// Who made one of Azure's budgets, as the state says: Azure keeps no mark of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origin {
    /// Somebody else, or nobody knows.
    #[default]
    Elsewhere,
    /// It was created here.
    Here {
        /// Id of the budget in the configuration that it was created for; `None` if the
        /// configuration described Azure's budget itself.
        of: Option<String>,
    },
}

/// The names that the configuration gives to Azure's budgets.
///
/// A budget with more notifications than Azure takes in one is kept as several: `web`, `web-2`, … .
/// A name that the configuration gives to another budget is never that of a part, at whichever scope.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// The name of each budget that is kept in Azure, by its id.
    bases: BTreeMap<String, String>,
    /// All configured names in lower case.
    configured: BTreeSet<String>,
}

impl Names {
    /// The names of budgets that are kept in Azure, by their ids, and of those that the configuration
    /// describes as they are.
    pub fn new<'a>(
        settings: impl IntoIterator<Item = (&'a String, &'a Settings)>,
        described: &[Desired],
    ) -> Names {
        let bases = settings.into_iter();
        let bases = bases.map(|(id, settings)| (id.clone(), base_name(id, settings)));
        let bases: BTreeMap<String, String> = bases.collect();
        let described = described.iter().map(|each| &each.budget.name);
        let all = bases.values().chain(described);
        let configured = all.map(|name| name.to_ascii_lowercase()).collect();
        Names { bases, configured }
    }

    /// Whether a budget of Azure at one of the scopes of a configured budget belongs to it.
    ///
    /// It does if it has the configured name; else what the state says counts, and without that the
    /// number of a part in the name.
    pub fn belongs(&self, name: &str, origin: &Origin, id: &str) -> bool {
        let Some(base) = self.bases.get(id) else {
            return false;
        };
        if name.eq_ignore_ascii_case(base) {
            return true;
        }
        let is_part = part_number(name, base).is_some();
        match origin {
            Origin::Here { of } => is_part && of.as_deref() == Some(id),
            Origin::Elsewhere => is_part && !self.is_configured(name),
        }
    }

    /// Whether a budget with this id is kept in Azure.
    pub fn has(&self, id: &str) -> bool {
        self.bases.contains_key(id)
    }

    /// Whether the configuration gives this name to a budget.
    pub(crate) fn is_configured(&self, name: &str) -> bool {
        self.configured.contains(&name.to_ascii_lowercase())
    }
}

/// The name of the first of Azure's budgets for one of the configuration.
pub(crate) fn base_name(id: &str, settings: &Settings) -> String {
    settings.name.clone().unwrap_or_else(|| native_name(id))
}

/// The name of a part, counted from 1: the first one has the name itself.
pub(crate) fn part_name(base: &str, number: usize) -> String {
    match number {
        1 => base.to_owned(),
        more => format!("{}-{more}", shortened(base)),
    }
}

/// Which part of a split a name says, from 1; `None` if it is of another budget.
pub(crate) fn part_number(name: &str, base: &str) -> Option<usize> {
    if name.eq_ignore_ascii_case(base) {
        return Some(1);
    }
    let (_, number) = name.rsplit_once('-')?;
    let number = number.parse().ok().filter(|number| *number >= 2)?;
    let is_it = name.eq_ignore_ascii_case(&part_name(base, number));
    is_it.then_some(number)
}

/// The longest name that Azure takes is 63; the number of a part needs room.
const LONGEST_NAME: usize = 59;

/// The name in Azure for a budget's id: the id itself where Azure takes it, else its letters and a
/// few characters of its hash. It does not depend on anything else, so that it stays.
pub fn native_name(id: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match id.chars().all(fits) {
        true => shortened(id),
        false => hashed(id),
    }
}

fn shortened(name: &str) -> String {
    match name.len() <= LONGEST_NAME {
        true => name.to_owned(),
        false => hashed(name),
    }
}

fn hashed(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let plain: String = text
        .chars()
        .map(|c| if fits(c) { c } else { '-' })
        .collect();
    let hash = Sha256::digest(text.as_bytes());
    let hash: String = hash
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let plain = &plain[..plain.len().min(LONGEST_NAME - 9)];
    format!("{plain}-{hash}")
}
