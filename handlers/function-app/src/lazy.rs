//! The application, opened by whoever needs it first.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use spendwatch::{App, Config, Environment, StateLocation};
use tokio::sync::Mutex;

/// Opens the application once. A failure is told to every caller and tried again by the next one, so
/// that a secret or a role that arrives late needs no restart.
pub struct Lazy {
    environment: Environment,
    opened: Mutex<Option<Arc<App>>>,
}

impl Lazy {
    /// Will open what the environment describes: `SPENDWATCH_CONFIG` (a file or folder; `config`
    /// beside the executable by default) and the store of [`StateLocation::from_environment`].
    pub fn new(environment: Environment) -> Self {
        Lazy {
            environment,
            opened: Mutex::new(None),
        }
    }

    /// An application that is open already.
    pub fn opened(app: Arc<App>) -> Self {
        Lazy {
            environment: Environment::default(),
            opened: Mutex::new(Some(app)),
        }
    }

    /// What the process was started with.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The application.
    pub async fn app(&self) -> anyhow::Result<Arc<App>> {
        let mut opened = self.opened.lock().await;
        if let Some(app) = &*opened {
            return Ok(app.clone());
        }
        let app = Arc::new(open(&self.environment)?);
        *opened = Some(app.clone());
        Ok(app)
    }
}

fn open(environment: &Environment) -> anyhow::Result<App> {
    let path = match environment.get("SPENDWATCH_CONFIG") {
        Some(path) => PathBuf::from(path),
        None => {
            let root = environment
                .get("FUNCTIONS_APP_ROOT_PATH")
                .map_or_else(|| PathBuf::from("."), PathBuf::from);
            root.join("config")
        }
    };
    let config = Config::load(&path)?;
    let state = StateLocation::from_environment(environment)?.context(
        "no store: set SPENDWATCH_STATE and SPENDWATCH_QUEUES, or identity-based \
         AzureWebJobsStorage__blobServiceUri and AzureWebJobsStorage__queueServiceUri",
    )?;
    App::new(config, environment, state)
}
