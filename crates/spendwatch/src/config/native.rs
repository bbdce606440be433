//! Which of Azure's own budgets are kept, and whom they tell.

use std::collections::BTreeMap;

use native_budgets::{Desired, Settings};

use super::Connection;

/// How Azure's own budgets are kept in step: `[native]`, `native` in budgets, `[[native_budget]]`.
#[derive(Debug, Clone, Default)]
pub struct Native {
    /// Where and as whom to read and write them. If not set, as the first source that reads Azure's
    /// APIs.
    pub connection: Option<Connection>,
    /// Whether the function app may write. The command line may always, after asking.
    pub apply_from_app: bool,
    /// How each budget is kept, by its id. A budget that is not here is not kept in Azure.
    pub settings: BTreeMap<String, Settings>,
    /// Azure's budgets that the configuration describes as they are.
    pub budgets: Vec<Desired>,
}
