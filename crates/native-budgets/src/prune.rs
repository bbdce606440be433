//! What is deleted though the configuration says nothing of it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use budget_engine::Scope;

use crate::plan::Action;

/// Which of Azure's budgets, or of its rules, that the configuration does not want are deleted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prune {
    /// Those that were created here.
    pub ours: bool,
    /// Those that are named, whoever created them.
    pub named: BTreeSet<Named>,
}

/// One of Azure's budgets or rules, named by somebody: `web`, `/subscriptions/…=web`, or its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Named {
    /// Where it is; `None` if only its name was said.
    pub scope: Option<Scope>,
    /// Its name.
    pub name: String,
}

impl Named {
    /// Whether this is what is meant.
    pub fn is(&self, scope: &Scope, name: &str) -> bool {
        let is_there = self.scope.as_ref().is_none_or(|own| own == scope);
        is_there && self.name.eq_ignore_ascii_case(name)
    }
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Named, String> {
        let text = text.trim();
        let (scope, name) = match text.rsplit_once('=') {
            Some((scope, name)) => (Some(scope), name),
            None => match ids_scope(text) {
                Some((scope, name)) => (Some(scope), name),
                None => (None, text),
            },
        };
        let scope = match scope.map(Scope::parse).transpose() {
            Ok(scope) => scope,
            Err(error) => return Err(format!("`{text}` does not begin with a scope: {error}")),
        };
        if name.is_empty() || name.contains('/') {
            return Err(format!(
                "expected a name, SCOPE=NAME, or the id of a budget or rule in Azure, found `{text}`"
            ));
        }
        Ok(Named {
            scope,
            name: name.to_owned(),
        })
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            Some(scope) => write!(f, "{}={}", scope.path(), self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// The scope and the name of an id such as `/subscriptions/…/providers/Microsoft.Consumption/budgets/web`.
fn ids_scope(id: &str) -> Option<(&str, &str)> {
    let (rest, name) = id.rsplit_once('/')?;
    let folded = rest.to_ascii_lowercase();
    let kinds = [
        "/providers/microsoft.consumption/budgets",
        "/providers/microsoft.costmanagement/budgets",
        "/providers/microsoft.costmanagement/scheduledactions",
    ];
    let kind = kinds.into_iter().find(|kind| folded.ends_with(kind))?;
    Some((&rest[..rest.len() - kind.len()], name))
}

impl Prune {
    /// Whether every name that was said without a scope is that of at most one thing that is there.
    ///
    /// # Errors
    /// In words, with all that a name could mean.
    pub fn check<'a>(
        &self,
        there: impl Iterator<Item = (&'a Scope, &'a str)> + Clone,
    ) -> Result<(), String> {
        for named in &self.named {
            let meant = there.clone().filter(|(scope, name)| named.is(scope, name));
            let meant: Vec<String> = meant
                .map(|(scope, name)| format!("{}={name}", scope.path()))
                .collect();
            if meant.len() > 1 {
                return Err(format!(
                    "`{named}` is the name of several: say which, with its scope: {}",
                    meant.join(", ")
                ));
            }
        }
        Ok(())
    }

    /// Whether something may be deleted whoever created it.
    pub fn names(&self, scope: &Scope, name: &str) -> bool {
        self.named.iter().any(|each| each.is(scope, name))
    }

    /// What to do about something that is not wanted, and why.
    pub(crate) fn decide(&self, scope: &Scope, name: &str, ours: bool) -> (Action, &'static str) {
        match (self.names(scope, name), ours, self.ours) {
            (true, ..) => (
                Action::Delete,
                "the configuration does not want it, and it was named",
            ),
            (_, true, true) => (
                Action::Delete,
                "the configuration does not want it any more",
            ),
            (_, true, false) => (
                Action::Leave,
                "the configuration does not want it any more; --prune deletes it",
            ),
            (_, false, _) => (Action::Leave, "it was not created here"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_a_place_with_a_name_and_an_id_are_understood() {
        let at = |text: &str| {
            let named: Named = text.parse().unwrap();
            (named.scope.map(|scope| scope.path().to_owned()), named.name)
        };
        assert_eq!(at("web"), (None, "web".to_owned()));
        let there = (
            Some("/subscriptions/a/resourceGroups/b".to_owned()),
            "web".to_owned(),
        );
        for text in [
            "/subscriptions/a/resourceGroups/b=web",
            "/subscriptions/a/resourceGroups/b/providers/Microsoft.Consumption/budgets/web",
            "/subscriptions/a/resourceGroups/b/providers/microsoft.costmanagement/Budgets/web",
        ] {
            assert_eq!(at(text), there, "{text}");
        }
        let rule = "/subscriptions/a/providers/Microsoft.CostManagement/scheduledActions/odd";
        assert_eq!(
            at(rule),
            (Some("/subscriptions/a".to_owned()), "odd".to_owned())
        );
        for bad in [
            "",
            "a/b",
            "nowhere=web",
            "/subscriptions/a=",
            "/subscriptions/a",
        ] {
            assert!(bad.parse::<Named>().is_err(), "{bad}");
        }
        let again: Named = "/subscriptions/a=web".parse().unwrap();
        assert_eq!(again.to_string().parse::<Named>().unwrap(), again);
    }
}
