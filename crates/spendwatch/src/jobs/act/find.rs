//! Which action somebody means.

use crate::actions::ACTIONS;
use crate::app::App;
use crate::jobs::act::show;
use crate::jobs::alerts::find::SHORTEST_ID;

/// The id of the action that a text means: the one of this id, or the only one whose id begins with
/// it.
///
/// # Errors
/// When there is none or more than one, or the store fails.
pub async fn find(app: &App, text: &str) -> anyhow::Result<String> {
    if let Some(record) = show(app, text).await? {
        return Ok(record.id);
    }
    if text.chars().count() < SHORTEST_ID {
        anyhow::bail!(
            "there is no action {text}: one is named by at least {SHORTEST_ID} characters of its id"
        );
    }
    let keys = app.documents().list(ACTIONS).await?;
    let ids = keys.iter().filter_map(|key| key.strip_prefix(ACTIONS));
    let meant: Vec<&str> = ids.filter(|id| id.starts_with(text)).collect();
    match meant[..] {
        [id] => Ok(id.to_owned()),
        [] => anyhow::bail!("there is no action {text}"),
        _ => anyhow::bail!(
            "{} actions have ids that begin with {text}: name more of it",
            meant.len()
        ),
    }
}
