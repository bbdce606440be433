//! The application: configuration, and one module per job.
//!
//! It wires the rooms of the house together: costs come in from a [`sources::CostSource`], the
//! engine decides, decisions go into ledgers in the store, and notices go out through channels. The
//! handlers (the Azure Functions custom handler and the command line) call the jobs in [`jobs`] and
//! know nothing else.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use spendwatch::{App, Config, Environment, jobs};
//! spendwatch::install_crypto();
//! let config = Config::load("spendwatch.toml".as_ref())?;
//! let app = App::new(config, &Environment::from_process(), "./.spendwatch".parse()?)?;
//! for read in app.reads()? {
//!     let report = jobs::evaluate::run(&app, &read, &Default::default()).await?;
//!     println!("{} budgets", report.budgets.len());
//! }
//! # Ok(())
//! # }
//! ```

mod actions;
mod anomalies;
mod answers;
mod app;
mod bearer;
mod channels;
mod clock;
mod config;
mod entra;
mod environment;
mod forecasting;
mod gathering;
pub mod jobs;
mod kept;
mod ledgers;
mod links;
mod live;
pub mod measures;
mod outbox;
mod outlook;
mod reads;
pub mod replay;
mod routing;
mod scores;
pub mod settings;
mod settling;
mod silences;
mod snapshots;
pub mod sources;
mod standing;
mod threads;
mod trouble;

pub use actions::words as action_words;
pub use actions::{ActionRecord, ActionState, Cause, Lease, News, Step, Target, TargetState, Told};
pub use app::{App, Hint, PlanErrors, Pulse, install_crypto};
pub use budget_engine::{Check, NotAcknowledged, Verdict};
pub use clock::{Clock, ManualClock, SystemClock, day_of};
pub use config::{
    AUTH_WORDS, AcsEmail, Action, Actions, Allowance, Approval, Attention, AzureRead, Channel,
    ChannelKind, Config, ConfigError, ConfigPlace, Connection, Delivery as DeliverySettings,
    DigestSettings, Email, EndedWhileHeld, EnterpriseReporting, Event, Exports, ForecastSettings,
    Hook, Inherited, Links, Mailing, Mode, Native, Problem, QuietHours, SCHEMA, Secret, Source,
    SourceKind, Tagged, Task, Tolerance, Weekly, budget_toml, imported_toml,
};
pub use entra::Denied;
pub use environment::{Environment, StateLocation, telemetry_credential};
pub use links::{BadLink, Permission, Purpose};
pub use live::{Live, Refusal, open};
pub use outbox::{Delivery, DeliveryState, Health, Hold, Lane};
pub use reads::{PlanError, Read};
pub use scores::{COMBINED, Figures as ScoreFigures, ModelScore, RUN_RATE, Stage};
pub use silences::{
    LONGEST_REASON, Matcher, NewSilence, NotSilenced, Silence, SilenceEdit, SilenceState,
};

/// Queue whose messages name a read to evaluate.
pub const EVALUATIONS: &str = "evaluations";
/// Queue whose messages name a destination with work, or an action.
pub const DELIVERIES: &str = "deliveries";
/// Queue of what Event Grid tells of exports.
pub const EXPORTS: &str = "exports";
