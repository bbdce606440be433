//! The application by its configuration as it is now: whoever works on for long asks here each time.
//!
//! A configuration that changes is read again and used from the next call on. One with mistakes is refused:
//! the last good one stays in use, and the refusal is logged, shown by `GET /api/health` and told to the
//! fallback destination. The last good one of a container is kept in the store as well, so that a process
//! that starts while a bad one lies there has something to work by.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::Context;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use state_store::{Documents, Error, json};
use tokio::sync::Mutex;

use crate::app::App;
use crate::config::{
    Config, ConfigError, ConfigPlace, Files, download, version_of_blobs, version_of_path,
};
use crate::environment::{Environment, StateLocation};
use crate::trouble::{self, Trouble};

/// How long a configuration is taken to be unchanged.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How long a look may keep a caller waiting who could work by the configuration in use.
const LOOK_FOR: Duration = Duration::from_secs(10);
/// A place that could not be looked at for so long is news.
const UNSEEN_FOR: SignedDuration = SignedDuration::from_hours(1);
/// The document with the last good configuration of a container.
const KEPT: &str = "configuration/last-good";

/// The application by its configuration as it is now. Cheap to share behind an `Arc`.
pub struct Live {
    origin: Origin,
    environment: Environment,
    look_every: Duration,
    /// What is in use. Never held across an await.
    using: RwLock<Using>,
    /// Whoever holds it looks whether there is something new.
    looking: Mutex<()>,
}

enum Origin {
    /// It never changes.
    Fixed,
    /// What the environment says.
    Environment,
    /// What a command line says.
    Given(Box<(ConfigPlace, StateLocation)>),
}

#[derive(Default)]
struct Using {
    app: Option<Arc<App>>,
    /// Which version of its configuration that is.
    version: String,
    looked: Option<Instant>,
    refused: Option<Refusal>,
    /// Whether the fallback was told of it.
    is_told: bool,
}

/// A configuration that is there and is not used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// Where it is.
    pub place: String,
    /// Which version of it; empty if it cannot even be looked at.
    pub version: String,
    /// Since when it is refused.
    pub since: Timestamp,
    /// Why, with all mistakes.
    pub why: String,
}

/// The last good configuration of a container, as it is kept in the store.
#[derive(Serialize, Deserialize, Clone, PartialEq)]
struct Kept {
    place: String,
    version: String,
    /// Names and contents in base64.
    files: Vec<(String, String)>,
}

impl Live {
    /// By what the environment says: [`ConfigPlace::from_environment`] and
    /// [`StateLocation::from_environment`]. Nothing is opened yet, and a failure is tried again by the next
    /// call, so that a secret or a role that arrives late needs no restart.
    pub fn from_environment(environment: Environment) -> Live {
        Live::new(Origin::Environment, environment, None)
    }

    /// By the configuration at this place, with this store.
    pub fn at(place: ConfigPlace, state: StateLocation, environment: Environment) -> Live {
        Live::new(Origin::Given(Box::new((place, state))), environment, None)
    }

    /// An application that is open already and never changes.
    pub fn fixed(app: Arc<App>) -> Live {
        Live::new(Origin::Fixed, Environment::default(), Some(app))
    }

    fn new(origin: Origin, environment: Environment, app: Option<Arc<App>>) -> Live {
        let using = Using {
            app,
            ..Default::default()
        };
        Live {
            origin,
            environment,
            look_every: LOOK_EVERY,
            using: RwLock::new(using),
            looking: Mutex::new(()),
        }
    }

    /// The same, looking for changes after this time instead of ten seconds.
    #[must_use]
    pub fn looking_every(mut self, time: Duration) -> Live {
        self.look_every = time;
        self
    }

    /// What the process was started with.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The application by the newest good configuration.
    ///
    /// # Errors
    /// When there is none: the configuration has mistakes or cannot be read, and no earlier one is known.
    pub async fn app(&self) -> anyhow::Result<Arc<App>> {
        if let Some(app) = self.unless_old() {
            return Ok(app);
        }
        let current = self.read().app.clone();
        match current {
            // Whoever has something to work by waits neither for another's look nor long for its own.
            Some(app) => {
                if let Ok(_guard) = self.looking.try_lock()
                    && tokio::time::timeout(LOOK_FOR, self.look()).await.is_err()
                {
                    tracing::warn!("the configuration could not be looked at in time");
                    self.write().looked = Some(Instant::now());
                }
                Ok(self.read().app.clone().unwrap_or(app))
            }
            None => {
                let _guard = self.looking.lock().await;
                if let Some(app) = self.unless_old() {
                    return Ok(app);
                }
                self.look().await?;
                let app = self.read().app.clone();
                app.context("there is no application")
            }
        }
    }

    /// The configuration that is there and is not used, if there is one.
    pub fn refused(&self) -> Option<Refusal> {
        self.read().refused.clone()
    }

    fn unless_old(&self) -> Option<Arc<App>> {
        let using = self.read();
        let is_young = using
            .looked
            .is_some_and(|at| at.elapsed() < self.look_every);
        let stays = is_young || matches!(self.origin, Origin::Fixed);
        using.app.clone().filter(|_| stays)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Using> {
        self.using.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Using> {
        self.using.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks whether there is another configuration, and uses it if it is good. An error is for whoever has
    /// nothing to work by.
    async fn look(&self) -> anyhow::Result<()> {
        let (place, state) = self.places()?;
        let mut version = String::new();
        let outcome = self.load(&place, &state, &mut version).await;
        self.write().looked = Some(Instant::now());
        match outcome {
            Ok(None) => Ok(()),
            Ok(Some(app)) => {
                tracing::info!(
                    place = %place,
                    version,
                    budgets = app.config().budgets.iter().count(),
                    "the configuration is in use"
                );
                let mut using = self.write();
                using.app = Some(Arc::new(app));
                using.version = version;
                using.refused = None;
                Ok(())
            }
            Err(error) => self.refuse(&place, &state, version, error).await,
        }
    }

    fn places(&self) -> anyhow::Result<(ConfigPlace, StateLocation)> {
        if let Origin::Given(given) = &self.origin {
            return Ok((**given).clone());
        }
        let place = ConfigPlace::from_environment(&self.environment)?;
        let state = StateLocation::from_environment(&self.environment)?.context(
            "no store: set SPENDWATCH_STATE and SPENDWATCH_QUEUES, or identity-based \
             AzureWebJobsStorage__blobServiceUri and AzureWebJobsStorage__queueServiceUri",
        )?;
        Ok((place, state))
    }

    /// What is new at the place, opened; `None` if that is in use, or was refused, already.
    async fn load(
        &self,
        place: &ConfigPlace,
        state: &StateLocation,
        version: &mut String,
    ) -> anyhow::Result<Option<App>> {
        match place {
            ConfigPlace::Path(path) => {
                let found = version_of_path(path)?;
                version.clone_from(&found);
                if self.is_known(&found) {
                    return Ok(None);
                }
                let app = App::new(Config::load(path)?, &self.environment, state.clone())?;
                match app.reads() {
                    // One whose budgets can be read is better. Without one each evaluation says what is wrong.
                    Err(problems) if self.read().app.is_some() => Err(problems.into()),
                    _ => Ok(Some(app)),
                }
            }
            ConfigPlace::Container(url) => {
                let container = ConfigPlace::container(url, &self.environment)?;
                let blobs = container.list("").await?;
                let found = version_of_blobs(&blobs);
                // What is not there yet, or changes just now, is not known by its version.
                let files = match self.is_known(&found) {
                    true => return Ok(None),
                    false => download(&container, &blobs).await?,
                };
                version.clone_from(&found);
                let app = opened(place, &files, &self.environment, state)?;
                if let Err(problems) = app.reads() {
                    if self.read().app.is_some() || self.kept(place, state).await?.is_some() {
                        return Err(problems.into());
                    }
                    // Without an earlier one each evaluation says what is wrong.
                    return Ok(Some(app));
                }
                if let Err(error) = keep(app.documents(), place, &found, &files).await {
                    tracing::warn!(
                        error = format!("{error:#}"),
                        "the configuration is not kept"
                    );
                }
                Ok(Some(app))
            }
        }
    }

    /// Whether this version is in use or was refused.
    fn is_known(&self, version: &str) -> bool {
        let mut using = self.write();
        let is_used = using.app.is_some() && using.version == version;
        if is_used {
            using.refused = None;
        }
        let refused = using.refused.as_ref();
        is_used || (using.app.is_some() && refused.is_some_and(|one| one.version == version))
    }

    /// Goes on with the last good configuration, if there is one, and says so.
    async fn refuse(
        &self,
        place: &ConfigPlace,
        state: &StateLocation,
        version: String,
        error: anyhow::Error,
    ) -> anyhow::Result<()> {
        let why = format!("{error:#}");
        let current = self.read().app.clone();
        let app = match current {
            Some(app) => app,
            None => match self.kept(place, state).await {
                Ok(Some((app, version))) => {
                    let app = Arc::new(app);
                    let mut using = self.write();
                    using.app = Some(Arc::clone(&app));
                    using.version = version;
                    app
                }
                Ok(None) => return Err(error),
                Err(kept) => {
                    tracing::error!(
                        error = format!("{kept:#}"),
                        "the last good configuration cannot be read"
                    );
                    return Err(error);
                }
            },
        };
        let (is_new, is_news) = {
            let mut using = self.write();
            let before = using.refused.take();
            // Why a place cannot be looked at is said in other words each time.
            let before = before.filter(|before| before.version == version);
            let is_new = before.is_none();
            let since = before.map_or_else(|| app.now(), |before| before.since);
            using.is_told &= !is_new;
            // What cannot be looked at for a moment is no news.
            let lasts = app.now().duration_since(since) >= UNSEEN_FOR;
            let is_news = !using.is_told && (!version.is_empty() || lasts);
            using.is_told |= is_news;
            using.refused = Some(Refusal {
                place: place.to_string(),
                version: version.clone(),
                since,
                why: why.clone(),
            });
            (is_new, is_news)
        };
        if is_new {
            tracing::error!(
                place = %place,
                version,
                error = why,
                "the configuration is not used; the last good one stays in use"
            );
        }
        if is_news {
            tell(&app, place, &version, &why).await;
        }
        Ok(())
    }

    /// The last good configuration of a container, opened.
    async fn kept(
        &self,
        place: &ConfigPlace,
        state: &StateLocation,
    ) -> anyhow::Result<Option<(App, String)>> {
        if matches!(place, ConfigPlace::Path(_)) {
            return Ok(None);
        }
        let (documents, _) = state.open(&self.environment)?;
        let Some((kept, _)) = json::get::<Kept>(&*documents, KEPT).await? else {
            return Ok(None);
        };
        if kept.place != place.to_string() {
            return Ok(None);
        }
        let mut files = Vec::new();
        for (name, text) in kept.files {
            let bytes = BASE64_STANDARD
                .decode(text)
                .context("read the kept files")?;
            files.push((name, bytes));
        }
        let app = opened(place, &Files(files), &self.environment, state)?;
        Ok(Some((app, kept.version)))
    }
}

/// The application by the configuration at a place, read once.
///
/// # Errors
/// When the configuration cannot be read or has mistakes, or the store cannot be opened.
pub async fn open(
    place: &ConfigPlace,
    environment: &Environment,
    state: StateLocation,
) -> anyhow::Result<App> {
    match place {
        ConfigPlace::Path(path) => App::new(Config::load(path)?, environment, state),
        ConfigPlace::Container(url) => {
            let container = ConfigPlace::container(url, environment)?;
            let files = download(&container, &container.list("").await?).await?;
            opened(place, &files, environment, &state)
        }
    }
}

/// The files of a container, opened. They lie in a folder as long as the application lives.
fn opened(
    place: &ConfigPlace,
    files: &Files,
    environment: &Environment,
    state: &StateLocation,
) -> anyhow::Result<App> {
    let folder = tempfile::Builder::new()
        .prefix("spendwatch-config-")
        .tempdir()
        .context("make a folder for the configuration")?;
    files.write_to(folder.path())?;
    let config = Config::load(folder.path()).map_err(|error| named(error, &folder, place))?;
    Ok(App::new(config, environment, state.clone())?.keeping(folder))
}

/// Keeps a good configuration for processes that start while a bad one is there.
async fn keep(
    documents: &dyn Documents,
    place: &ConfigPlace,
    version: &str,
    files: &Files,
) -> anyhow::Result<()> {
    let encoded = |(name, bytes): &(String, Vec<u8>)| (name.clone(), BASE64_STANDARD.encode(bytes));
    let kept = Kept {
        place: place.to_string(),
        version: version.to_owned(),
        files: files.0.iter().map(encoded).collect(),
    };
    let written = json::update::<Kept, Error>(documents, KEPT, |stored| {
        Ok((stored != Some(&kept)).then(|| kept.clone()))
    });
    match written.await {
        // Another process wrote its own just now, which is as new.
        Ok(_) | Err(Error::Moved { .. }) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("write {KEPT}")),
    }
}

/// Names files as blobs, not as the copies that were read.
fn named(error: ConfigError, folder: &tempfile::TempDir, place: &ConfigPlace) -> ConfigError {
    let copy = format!("{}/", folder.path().display());
    match error {
        ConfigError::Mistakes(mut problems) => {
            for problem in &mut problems {
                problem.file = problem.file.replace(&copy, "");
                problem.message = problem.message.replace(&copy, &format!("{place}/"));
            }
            ConfigError::Mistakes(problems)
        }
        ConfigError::Read { path, source } => ConfigError::Read {
            path: path.replace(&copy, ""),
            source,
        },
        error => error,
    }
}

/// Tells the fallback destination of the configuration in use, once for each version.
async fn tell(app: &App, place: &ConfigPlace, version: &str, why: &str) {
    let trouble = Trouble {
        key: format!("configuration/{version}"),
        about: None,
        title: "a new configuration is not used".to_owned(),
        lines: why
            .lines()
            .map(|line| line.trim().to_owned())
            .chain(["The last good one stays in use.".to_owned()])
            .collect(),
        advice: Some(format!(
            "mend it in {place}; spendwatch check says the same before it is put there"
        )),
    };
    if let Err(error) = trouble::tell(app, &trouble).await {
        tracing::error!(error = format!("{error:#}"), "the fallback is not told");
    }
}
