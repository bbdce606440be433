//! Native alert: an action group says that one of Azure's budgets has told.
//!
//! What it says is a hint and no more: the read that serves the budget is evaluated now, and our own
//! notices follow from that. Only of a budget that none of ours covers it is passed on as it is
//! (`native_alert/forward.rs`), because nobody else would tell our people. Order of writes, so that a kill anywhere loses nothing: a marker that
//! says "look at this alert"; the alert, only if it is not there, which is what tells a repetition;
//! the notices and hints; the marker removed. The sweep looks at markers that stayed.

mod forward;

use std::collections::BTreeSet;

use budget_engine::{Budget, Scope, ScopeKind};
use jiff::{SignedDuration, Timestamp};
use native_budgets::{NativeAlert, Origin};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use state_store::{Error, Version, json};

use crate::app::{App, Hint};
use crate::clock::day_of;
use crate::config::Config;
use crate::reads::{Read, counted};

/// Largest body that is read, in bytes.
pub const LARGEST_BODY: usize = 256 << 10;

/// Prefix of alerts that were received.
pub(crate) const ALERTS: &str = "native-alerts/";
/// Prefix of markers of alerts that may not have made anybody evaluate yet.
const UNHEARD: &str = "unheard/";

/// Costs change every few hours, so a read that was just evaluated has nothing new to say.
const JUST_EVALUATED: SignedDuration = SignedDuration::from_mins(5);

/// An alert as it is stored under `native-alerts/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredAlert {
    /// Layout of the document; 1.
    pub version: u32,
    /// When it was received first.
    pub received_at: Timestamp,
    /// What it says.
    pub alert: NativeAlert,
    /// Ids of the budgets that Azure's budget follows; empty if it follows none that is configured.
    pub budgets: Vec<String>,
}

/// What came of a post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Received {
    /// Under which id it is stored.
    pub id: String,
    /// Whether it was stored before.
    pub repeated: bool,
    /// Ids of the budgets that it is about.
    pub budgets: Vec<String>,
    /// The reads that will be evaluated now.
    pub queued: Vec<String>,
}

/// Why a post was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is none of Azure's alerts; the text says why and repeats no more than a word of it.
    #[error("{0}")]
    Unreadable(String),
    /// It could not be stored.
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

/// Stores what an action group has posted, and asks for an evaluation of what it is about.
pub async fn receive(app: &App, body: &[u8]) -> Result<Received, Refused> {
    if body.len() > LARGEST_BODY {
        let words = format!("the body is longer than {LARGEST_BODY} bytes");
        return Err(Refused::Unreadable(words));
    }
    let alert = NativeAlert::read(body).map_err(Refused::Unreadable)?;
    Ok(take(app, alert).await?)
}

async fn take(app: &App, alert: NativeAlert) -> anyhow::Result<Received> {
    let now = app.now();
    let id = id_of(&alert, now);
    let stored = StoredAlert {
        version: 1,
        received_at: now,
        budgets: budgets_of(app.config(), &alert)
            .iter()
            .map(|budget| budget.id.clone())
            .collect(),
        alert,
    };
    let marker = format!("{UNHEARD}{id}");
    let marked = created(json::create(app.documents(), &marker, &now).await)?;
    let key = format!("{ALERTS}{id}");
    let is_new = created(json::create(app.documents(), &key, &stored).await)?.is_some();
    let mut received = Received {
        id,
        repeated: !is_new,
        budgets: stored.budgets.clone(),
        queued: Vec::new(),
    };
    if !is_new && let Some(version) = &marked {
        // It was heard before.
        remove(app, &marker, version).await?;
        return Ok(received);
    }
    received.queued = ask(app, &received.id, &stored).await?;
    if let Some(version) = &marked {
        remove(app, &marker, version).await?;
    }
    tracing::info!(
        alert = received.id,
        budget = stored.alert.budget,
        scope = stored.alert.scope.as_ref().map(Scope::path),
        reads = received.queued.len(),
        "Azure's budget has told"
    );
    Ok(received)
}

/// Asks again for what markers that stayed are about; says how many there were.
pub(crate) async fn heal(app: &App) -> anyhow::Result<usize> {
    let mut healed = 0;
    for marker in app.documents().list(UNHEARD).await? {
        let Some((since, version)) = json::get::<Timestamp>(app.documents(), &marker).await? else {
            continue;
        };
        // Whoever has just written it may be about to ask.
        if app.now().duration_since(since) < SignedDuration::from_secs(30) {
            continue;
        }
        let key = marker.replacen(UNHEARD, ALERTS, 1);
        let stored: Option<(StoredAlert, Version)> = json::get(app.documents(), &key).await?;
        // Without an alert the sender was told nothing good and posts again.
        if let Some((stored, _)) = stored {
            let id = marker.trim_start_matches(UNHEARD);
            ask(app, id, &stored).await?;
            healed += 1;
        }
        remove(app, &marker, &version).await?;
    }
    Ok(healed)
}

/// Passes an alert on that is about none of our budgets, and sends a hint for each read that it is
/// about and that was not evaluated a moment ago.
async fn ask(app: &App, id: &str, stored: &StoredAlert) -> anyhow::Result<Vec<String>> {
    if stored.budgets.is_empty() {
        forward::tell(app, id, stored).await?;
    }
    let mut queued = Vec::new();
    for read in reads_of(app.config(), app.reads()?, stored) {
        let last = app.last_evaluated(&read.key).await?;
        if last.is_some_and(|last| app.now().duration_since(last) < JUST_EVALUATED) {
            continue;
        }
        let hint = Hint::Evaluate {
            read: read.key.clone(),
        };
        app.hint(&hint, SignedDuration::ZERO).await?;
        queued.push(read.key);
    }
    Ok(queued)
}

/// The id of an alert: Azure's own or, without one, what it is about and the day. Azure tells the
/// first day of a budget there, which is the same in each of its periods.
fn id_of(alert: &NativeAlert, now: Timestamp) -> String {
    let mut hash = Sha256::new();
    for part in alert.subject() {
        hash.update(part.to_lowercase().as_bytes());
        hash.update([0]);
    }
    if alert.alert_id.is_empty() {
        hash.update(day_of(now).to_string().as_bytes());
    }
    let digest = hash.finalize();
    digest.iter().take(10).map(|b| format!("{b:02x}")).collect()
}

/// The configured budgets that Azure's budget of an alert follows.
fn budgets_of<'a>(config: &'a Config, alert: &NativeAlert) -> Vec<&'a Budget> {
    let names = config.native.names();
    let budgets = config.budgets.iter();
    let followed = budgets.filter(|budget| {
        let native = config.native.scope_of(&config.budgets, budget);
        let is_there = alert.scope.as_ref().is_none_or(|scope| {
            let mut scopes = counted(config, budget).into_iter().chain(native);
            scopes.any(|own| own.contains(scope) || scope.contains(&own))
        });
        // A hint needs no more than the name.
        is_there && names.belongs(&alert.budget, &Origin::Elsewhere, &budget.id)
    });
    followed.collect()
}

/// The reads that say what an alert is about: those of its budgets or, if it is about none that is
/// known, all that have to do with its scope.
fn reads_of(config: &Config, reads: Vec<Read>, stored: &StoredAlert) -> Vec<Read> {
    let known: BTreeSet<&String> = stored.budgets.iter().collect();
    let scope = stored.alert.scope.as_ref();
    let is_about = |read: &Read| {
        if !known.is_empty() {
            return read.budgets.iter().any(|budget| known.contains(budget));
        }
        let Some(scope) = scope else { return true };
        let budgets = read.budgets.iter().filter_map(|id| config.budgets.get(id));
        let mut scopes = budgets.flat_map(|budget| counted(config, budget));
        scopes.any(|own| own.contains(scope) || scope.contains(&own) || may_hold(&own, scope))
    };
    reads.into_iter().filter(is_about).collect()
}

/// Whether a scope may hold another without its path showing it.
fn may_hold(own: &Scope, other: &Scope) -> bool {
    let is_resource = |scope: &Scope| {
        matches!(
            scope.kind(),
            ScopeKind::Subscription | ScopeKind::ResourceGroup
        )
    };
    !is_resource(own) && is_resource(other)
}

/// The version of a document that was made; `None` if it was there.
fn created(made: state_store::Result<Version>) -> anyhow::Result<Option<Version>> {
    match made {
        Ok(version) => Ok(Some(version)),
        Err(Error::Exists { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn remove(app: &App, key: &str, version: &Version) -> anyhow::Result<()> {
    match app.documents().delete(key, version).await {
        Ok(()) | Err(Error::Moved { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
