//! The application, opened by the first call and kept while Lambda keeps the process.

use std::path::PathBuf;

use anyhow::Context;
use spendwatch::{App, Config, Environment, StateLocation};
use tokio::sync::OnceCell;

/// An application that is opened once. A failure is told to the call that met it, and the next one
/// tries again.
pub(crate) struct Opened {
    environment: Environment,
    app: OnceCell<App>,
}

impl Opened {
    pub(crate) fn new(environment: Environment) -> Self {
        Opened {
            environment,
            app: OnceCell::new(),
        }
    }

    pub(crate) async fn app(&self) -> anyhow::Result<&App> {
        self.app.get_or_try_init(async || self.open()).await
    }

    /// From `SPENDWATCH_CONFIG`, by default `config` beside the executable, and `SPENDWATCH_STATE`
    /// with `SPENDWATCH_QUEUES`.
    fn open(&self) -> anyhow::Result<App> {
        let path = match self.environment.get("SPENDWATCH_CONFIG") {
            Some(path) => PathBuf::from(path),
            None => {
                let root = self.environment.get("LAMBDA_TASK_ROOT").unwrap_or(".");
                PathBuf::from(root).join("config")
            }
        };
        let config = Config::load(&path)?;
        let state = StateLocation::from_environment(&self.environment)?
            .context("no store: set SPENDWATCH_STATE and SPENDWATCH_QUEUES")?;
        App::new(config, &self.environment, state)
    }
}
