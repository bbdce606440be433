//! Silence: hold the notices of some alerts back for a while, and let them go again.

use std::collections::BTreeSet;

use budget_engine::AlertKey;
use jiff::SignedDuration;

use crate::app::{App, Hint};
use crate::silences::{self, Matcher, NewSilence, NotSilenced, Silence, SilenceEdit};

/// All silences, oldest first; those that are over for five weeks.
///
/// # Errors
/// When the store fails.
pub async fn list(app: &App) -> Result<Vec<Silence>, NotSilenced> {
    Ok(silences::all(app.documents()).await?)
}

/// What a matcher names that is not in the configuration: such a silence holds nothing back.
pub fn unknown(app: &App, matcher: &Matcher) -> Vec<String> {
    let config = app.config();
    let budgets = || {
        config
            .budgets
            .iter()
            .filter(|one| matcher.is_about(&one.id))
    };
    let mut unknown = Vec::new();
    if let Some(pattern) = &matcher.budget
        && budgets().next().is_none()
    {
        unknown.push(format!("no budget is called `{pattern}`"));
    } else if let Some(name) = &matcher.threshold {
        let ids = || {
            budgets()
                .flat_map(|one| &one.thresholds)
                .map(|one| one.id.as_str())
        };
        let named = AlertKey::read(name).threshold;
        if !ids().any(|id| id == named) {
            let known: BTreeSet<&str> = ids().collect();
            let known = Vec::from_iter(known).join(", ");
            unknown.push(format!(
                "no threshold is called `{name}` (there are: {known})"
            ));
        }
    }
    if let Some(name) = matcher
        .destination
        .as_ref()
        .filter(|name| !config.channels.contains_key(*name))
    {
        let known: Vec<&str> = config.channels.keys().map(String::as_str).collect();
        let known = known.join(", ");
        unknown.push(format!(
            "no channel is called `{name}` (there are: {known})"
        ));
    }
    unknown
}

/// Makes a silence, from now or from later on.
///
/// # Errors
/// When it names nothing, has no reason, ends too early or too late, when there are too many, or when
/// the store fails.
pub async fn create(app: &App, new: NewSilence) -> Result<Silence, NotSilenced> {
    let silence = silences::create(app.documents(), new, app.now()).await?;
    tracing::info!(
        silence.id = silence.id,
        until = %silence.until,
        "a silence was made"
    );
    Ok(silence)
}

/// Changes the reason or the end of a silence; its id stays.
///
/// # Errors
/// When there is none of this id, it is over, the new texts or times are not allowed, or the store
/// fails.
pub async fn edit(app: &App, id: &str, edit: &SilenceEdit) -> Result<Silence, NotSilenced> {
    let silence = silences::edit(app.documents(), id, edit, app.now()).await?;
    wake(app).await;
    Ok(silence)
}

/// Ends a silence at once; what it held back is sent.
///
/// # Errors
/// When there is none of this id, it is over already, or the store fails.
pub async fn end(app: &App, id: &str, by: &str) -> Result<Silence, NotSilenced> {
    let silence = silences::end(app.documents(), id, by, app.now()).await?;
    tracing::info!(silence.id = silence.id, "a silence was ended");
    wake(app).await;
    Ok(silence)
}

/// Has all lanes looked at again. A hint that is lost costs time only: the sweep looks anyway.
async fn wake(app: &App) {
    let hinted = async {
        for destination in app.destinations_with_work().await? {
            app.hint(&Hint::Deliver { destination }, SignedDuration::ZERO)
                .await?;
        }
        anyhow::Ok(())
    };
    if let Err(error) = hinted.await {
        let error = format!("{error:#}");
        tracing::warn!(error, "what a silence held back waits for the next sweep");
    }
}
