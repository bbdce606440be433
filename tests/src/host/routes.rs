//! Which HTTP function a request goes to.

use std::collections::BTreeMap;

use super::folder::{App, Function, Trigger};

/// Finds the function for a path without query, and the values in the route.
pub(super) fn find<'a>(
    app: &'a App,
    method: &str,
    path: &str,
) -> Option<(&'a Function, BTreeMap<String, String>)> {
    let mut found: Vec<_> = app
        .functions
        .values()
        .filter_map(|function| {
            let Trigger::Http { route, methods, .. } = &function.trigger else {
                return None;
            };
            let allowed = methods.is_empty() || methods.iter().any(|own| own == method);
            let template = format!("{}/{}", app.route_prefix, route);
            let params = matched(&template, path)?;
            allowed.then_some((function, params))
        })
        .collect();
    // The host prefers literal segments to values.
    found.sort_by_key(|(_, params)| params.len());
    found.into_iter().next()
}

/// The values that `path` has for a template with `{name}`, `{name?}` and `{*rest}`.
pub(super) fn matched(template: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let mut params = BTreeMap::new();
    let mut segments = path
        .trim_matches('/')
        .split('/')
        .filter(|one| !one.is_empty());
    for part in template
        .trim_matches('/')
        .split('/')
        .filter(|one| !one.is_empty())
    {
        let value = part
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        match value {
            Some(name) if name.starts_with('*') => {
                let rest: Vec<&str> = segments.by_ref().collect();
                params.insert(name.trim_start_matches('*').to_owned(), rest.join("/"));
            }
            Some(name) => {
                let optional = name.ends_with('?');
                // `{id:int}` has a constraint, which this host does not check.
                let name = name.trim_end_matches('?').split(':').next()?;
                match segments.next() {
                    Some(segment) => {
                        let decoded = url::form_urlencoded::parse(
                            format!("v={}", segment.replace('+', "%2B")).as_bytes(),
                        )
                        .next()
                        .map(|(_, value)| value.into_owned())?;
                        params.insert(name.to_owned(), decoded);
                    }
                    None if optional => {}
                    None => return None,
                }
            }
            None => {
                if !segments.next()?.eq_ignore_ascii_case(part) {
                    return None;
                }
            }
        }
    }
    segments.next().is_none().then_some(params)
}
